namespace Hybrid.Speech;

/// <summary>
/// The one place where frames become seconds. Output frame k of a network is centred on input frame
/// <paramref name="Stride"/> * k + <paramref name="Offset"/>; an input frame stands for a hop around the middle of its window.
/// </summary>
/// <param name="Stride">Input frames from one output frame to the next: the subsampling.</param>
/// <param name="Offset">The input frame on which output frame 0 is centred.</param>
/// <param name="HopSeconds">From one input frame to the next.</param>
/// <param name="WindowSeconds">Length of an input frame's window; 0 where the first is centred on the beginning of the sound.</param>
public readonly record struct FrameTimes(int Stride, double Offset, double HopSeconds, double WindowSeconds)
{
    /// <summary>Where output frame <paramref name="frame"/> begins, which is where the one before ends.</summary>
    public double Start(int frame) => Math.Max(0, WindowSeconds / 2 + HopSeconds * (Stride * (frame - 0.5) + Offset));

    /// <summary>The stretch of frames <paramref name="start"/>..<paramref name="end"/>, cut at the end of the audio.</summary>
    public (double StartSeconds, double EndSeconds) Span(int start, int end, double durationSeconds) =>
        (Math.Min(Start(start), durationSeconds), Math.Min(Start(end), durationSeconds));
}
