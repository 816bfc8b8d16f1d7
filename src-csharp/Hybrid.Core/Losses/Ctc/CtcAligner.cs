using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>The best alignment of labels with frames.</summary>
/// <param name="Labels">
/// For each label the frames in which the alignment emits it; frames between them belong to the blank. A label's confidence is
/// the mean probability of its symbol over its frames.
/// </param>
/// <param name="LogProbability">Natural-log probability of the alignment.</param>
public sealed record CtcAlignment(IReadOnlyList<LabelSpan> Labels, double LogProbability);

/// <summary>
/// Aligns labels with frames exactly: the most probable of all alignments (forced alignment), found by dynamic programming
/// without a beam. Of equally probable alignments the one is taken that, read from the end, ends in the blank, stays in its
/// state rather than leaves it, and comes from the neighbouring state rather than skips a blank. Derivation: ViterbiLoss.md.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
public sealed class CtcAligner(int blank = 0)
{
    /// <summary>
    /// Bytes of working memory that an alignment takes: it grows with the square root's balance of both sizes where those are
    /// large, not with their product.
    /// </summary>
    public static long MemoryNeeded(int frames, int labels) =>
        CtcViterbi.WorkspaceSize(frames, labels) * sizeof(double)
        + CtcViterbi.DecisionSize(frames, labels)
        + frames * (long)sizeof(int);

    /// <summary>The best alignment; one without labels and of log probability -infinity where every alignment meets a probability of 0.</summary>
    /// <param name="logProbs">[T, V].</param>
    /// <param name="labels">What is said, without blanks.</param>
    /// <param name="name">The utterance's name for messages.</param>
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
        fixed (byte* made = decisions)
        fixed (
            int* path = states,
                wanted = &MemoryMarshal.GetReference(labels.AsSpan())
        )
        fixed (float* scores = logProbs.Data.Span)
            best = new CtcViterbi(memory, made, wanted, labels.Length, logProbs.T, blank).Align(
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
