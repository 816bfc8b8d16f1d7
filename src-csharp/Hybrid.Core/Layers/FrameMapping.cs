namespace Hybrid.Core;

/// <summary>
/// The positions of a layer's output frames in its input: output frame k is centred on input frame
/// <c>k * Stride + Offset</c>.
/// </summary>
/// <param name="Stride">
/// Input frames from one output frame to the next; a fraction if there are more output frames than input frames.
/// </param>
/// <param name="Offset">The input frame on which output frame 0 is centred; may be between two frames.</param>
public readonly record struct FrameMapping(double Stride, double Offset)
{
    /// <summary>The mapping of a layer that keeps every frame in its position.</summary>
    public static FrameMapping Identity => new(1, 0);

    /// <summary>Whether every output frame is centred on the input frame of the same index.</summary>
    public bool IsIdentity => this == Identity;

    /// <summary>The mapping of this layer followed by another.</summary>
    public FrameMapping Then(FrameMapping next) => new(Stride * next.Stride, Offset + Stride * next.Offset);

    /// <summary>The mapping of a layer whose output frames are windows of the input.</summary>
    /// <param name="stride">Input frames from one window to the next.</param>
    /// <param name="reach">Frames from the first frame of a window to its last.</param>
    /// <param name="padding">Frames of zeros before the input.</param>
    internal static FrameMapping OfWindows(int stride, long reach, long padding = 0) =>
        new(stride, reach / 2.0 - padding);

    /// <summary>The mapping of a layer that splits every frame into <paramref name="factor"/> equal parts.</summary>
    internal static FrameMapping OfParts(int factor) => new(1.0 / factor, (1.0 / factor - 1) / 2);
}
