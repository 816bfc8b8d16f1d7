namespace Hybrid.Speech;

/// <summary>A labelled time interval of a recording: a phone, a word, or a pause.</summary>
/// <param name="Label">A phone or a word; empty for a pause in a TextGrid.</param>
/// <param name="StartSeconds">Start, in seconds from the beginning of the recording.</param>
/// <param name="EndSeconds">End, in seconds; at least the start.</param>
/// <param name="Confidence">
/// Mean posterior probability of the phone over its frames, in [0, 1]; of a word, the mean over its phones; 1 where the
/// times are known.
/// </param>
public readonly record struct Interval(string Label, double StartSeconds, double EndSeconds, double Confidence = 1);
