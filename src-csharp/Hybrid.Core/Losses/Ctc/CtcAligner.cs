using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>The best alignment of labels with frames.</summary>
/// <param name="Labels">
/// The frames of each label; all other frames belong to the blank. A label's confidence is the mean probability of its
/// symbol over its frames.
/// </param>
/// <param name="LogProbability">Natural-log probability of the alignment.</param>
public sealed record CtcAlignment(IReadOnlyList<LabelSpan> Labels, double LogProbability);

/// <summary>
/// Forced alignment: the most probable of all CTC alignments of labels with frames, exactly, by dynamic programming
/// without a beam. Ties are broken from the end: ending in the blank, then staying in a state, then coming from the
/// neighbouring state, is preferred to skipping a blank. Derivation: ViterbiLoss.md.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
public sealed class CtcAligner(int blank = 0)
{
    /// <summary>
    /// Bytes of working memory that an alignment takes. Up to 64 MiB of decisions it is O(frames * labels); beyond,
    /// score rows are kept once per segment of m frames whose decisions fill 64 MiB, O((frames / m + m) * labels).
    /// </summary>
    public static long MemoryNeeded(int frames, int labels) =>
        CtcViterbi.WorkspaceSize(frames, labels) * sizeof(double)
        + CtcViterbi.DecisionSize(frames, labels)
        + frames * (long)sizeof(int);

    /// <summary>
    /// Finds the best alignment. If all alignments have probability 0, it has no labels and log probability -infinity.
    /// </summary>
    /// <param name="logProbs">[T, V].</param>
    /// <param name="labels">The labels of the utterance, without blanks.</param>
    /// <param name="name">The utterance's name in messages.</param>
    /// <exception cref="ArgumentException">A label is the blank or out of range.</exception>
    /// <exception cref="InfeasibleTargetException">There are fewer frames than the labels need.</exception>
    public unsafe CtcAlignment Align(LogProbs logProbs, int[] labels, string name = "")
    {
        CtcLabels.Check(labels, logProbs.V, blank);
        var repeats = CtcFeasibility.Repeats(labels);
        if (labels.Length + repeats > logProbs.T)
            throw new InfeasibleTargetException(name, logProbs.T, labels.Length, repeats);
        if (logProbs.T == 0)
            return new CtcAlignment([], 0);

        var numbers = new double[checked((int)CtcViterbi.WorkspaceSize(logProbs.T, labels.Length))];
        var decisions = new byte[checked((int)CtcViterbi.DecisionSize(logProbs.T, labels.Length))];
        var states = new int[logProbs.T];
        double best;
        fixed (double* memory = numbers)
        fixed (byte* decided = decisions)
        fixed (
            int* path = states,
                wanted = &MemoryMarshal.GetReference(labels.AsSpan())
        )
        fixed (float* scores = logProbs.Data.Span)
            best = new CtcViterbi(memory, decided, wanted, labels.Length, logProbs.T, blank).Align(
                scores,
                logProbs.V,
                path
            );
        if (double.IsNegativeInfinity(best))
            return new CtcAlignment([], best);
        return new CtcAlignment(Spans(states, labels, logProbs), best);
    }

    private static List<LabelSpan> Spans(int[] states, int[] labels, LogProbs logProbs)
    {
        var spans = new List<LabelSpan>(labels.Length);
        for (var t = 0; t < states.Length; )
        {
            var (state, start, probability) = (states[t], t, 0.0);
            var label = (state & 1) == 1 ? labels[state >> 1] : -1;
            for (; t < states.Length && states[t] == state; t++)
                if (label >= 0)
                    probability += Math.Exp(logProbs[t][label]);
            if (label >= 0)
                spans.Add(new LabelSpan(label, start, t, Math.Min(1, probability / (t - start))));
        }
        return spans;
    }
}
