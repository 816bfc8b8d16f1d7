namespace Hybrid.Core;

/// <summary>The treatment of an utterance with fewer frames than its labels need.</summary>
public enum InfeasiblePolicy
{
    /// <summary>Refuse the batch with an <see cref="InfeasibleTargetException"/>.</summary>
    Throw,

    /// <summary>Skip the utterance: it is counted, its loss is in no mean, and its gradient is exactly zero.</summary>
    Skip,
}

/// <summary>The number of frames that a label sequence needs under CTC. Derivation: CtcLoss.md.</summary>
public static class CtcFeasibility
{
    /// <summary>The number of labels, plus one blank between each pair of equal neighbours.</summary>
    public static int FramesNeeded(ReadOnlySpan<int> labels) => labels.Length + Repeats(labels);

    /// <summary>The number of labels that equal their predecessor.</summary>
    public static int Repeats(ReadOnlySpan<int> labels)
    {
        var repeats = 0;
        for (var i = 1; i < labels.Length; i++)
            if (labels[i] == labels[i - 1])
                repeats++;
        return repeats;
    }
}

/// <summary>An utterance has fewer frames than its labels need.</summary>
/// <param name="utterance">The utterance's name.</param>
/// <param name="frames">Frames of the utterance.</param>
/// <param name="labels">Number of labels.</param>
/// <param name="repeats">Labels that equal their predecessor.</param>
public sealed class InfeasibleTargetException(string utterance, int frames, int labels, int repeats)
    : Exception(
        $"{CtcLabels.Describe(utterance)} needs {labels + repeats} frames, has {frames} ({labels} labels + {repeats} "
            + "repeats): use less subsampling or a shorter text"
    )
{
    /// <summary>The utterance's name.</summary>
    public string Utterance { get; } = utterance;

    /// <summary>Frames of the utterance.</summary>
    public int FramesAvailable { get; } = frames;

    /// <summary>Frames that its labels need.</summary>
    public int FramesNeeded { get; } = labels + repeats;
}
