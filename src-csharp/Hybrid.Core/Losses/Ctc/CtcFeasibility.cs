namespace Hybrid.Core;

/// <summary>What to do with an utterance whose labels do not fit into its frames.</summary>
public enum InfeasiblePolicy
{
    /// <summary>Refuse the batch with an <see cref="InfeasibleTargetException"/>.</summary>
    Throw,

    /// <summary>Leave the utterance out: it is counted, its loss is in no mean, its gradient is exactly zero.</summary>
    Skip,
}

/// <summary>How many frames a label sequence needs under CTC.</summary>
public static class CtcFeasibility
{
    /// <summary>Labels plus one blank between each pair of equal neighbours.</summary>
    public static int FramesNeeded(ReadOnlySpan<int> labels) => labels.Length + Repeats(labels);

    /// <summary>How often a label follows itself.</summary>
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
public sealed class InfeasibleTargetException(string utterance, int frames, int labels, int repeats)
    : Exception(
        $"utterance {utterance} needs {labels + repeats} frames, has {frames} ({labels} labels + {repeats} repeats): use less subsampling or a shorter text"
    )
{
    /// <summary>The utterance's name.</summary>
    public string Utterance { get; } = utterance;

    /// <summary>Frames that it has.</summary>
    public int FramesAvailable { get; } = frames;

    /// <summary>Frames that its labels need.</summary>
    public int FramesNeeded { get; } = labels + repeats;
}
