namespace Hybrid.Speech;

/// <summary>
/// Conversion of output frames to times. Output frame k of a network is centred on input frame
/// <paramref name="Stride"/> * k + <paramref name="Offset"/>. An input frame has the length of a hop and is centred on
/// its window.
/// </summary>
/// <param name="Stride">Input frames from one output frame to the next: the subsampling factor.</param>
/// <param name="Offset">The input frame on which output frame 0 is centred.</param>
/// <param name="HopSeconds">Seconds from one input frame to the next.</param>
/// <param name="WindowSeconds">
/// Length of the window of an input frame, in seconds; 0 where the first is centred on the beginning of the audio.
/// </param>
public readonly record struct FrameTimes(double Stride, double Offset, double HopSeconds, double WindowSeconds)
{
    /// <summary>
    /// Start of output frame <paramref name="frame"/> and end of the frame before, in seconds; at least 0.
    /// </summary>
    public double Start(int frame) => Math.Max(0, WindowSeconds / 2 + HopSeconds * (Stride * (frame - 0.5) + Offset));

    /// <summary>
    /// The times of frames <paramref name="start"/>..<paramref name="end"/>, cut at the end of the audio.
    /// </summary>
    /// <param name="start">The first frame.</param>
    /// <param name="end">The frame after the last.</param>
    /// <param name="durationSeconds">Length of the audio.</param>
    public (double StartSeconds, double EndSeconds) Span(int start, int end, double durationSeconds) =>
        (Math.Min(Start(start), durationSeconds), Math.Min(Start(end), durationSeconds));
}
