namespace Hybrid.Core;

/// <summary>
/// CTC with hard assignments: the negative log-likelihood of the single best alignment of each utterance, and its
/// gradient with respect to the logits. Ties are broken as in <see cref="CtcAligner"/>. Derivation: ViterbiLoss.md.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
/// <param name="reduction">The reduction of the losses of a batch.</param>
/// <param name="policy">The treatment of utterances with fewer frames than their labels need.</param>
public sealed class ViterbiLoss(
    int blank = 0,
    CtcReduction reduction = CtcReduction.MeanPerUtterance,
    InfeasiblePolicy policy = InfeasiblePolicy.Throw
) : SequenceLoss(blank, reduction, policy)
{
    private protected override (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V) =>
        // Decisions are bytes and states are ints; both are stored in the array of 64-bit integers.
        (
            CtcViterbi.WorkspaceSize(frames, S),
            IntMath.CeilDiv(CtcViterbi.DecisionSize(frames, S), sizeof(long)) + IntMath.CeilDiv(frames, 2)
        );

    private protected override unsafe double Run<TReal>(
        in SequenceProblem<TReal> problem,
        double* numbers,
        long* integers
    )
    {
        var states = (int*)integers;
        var decisions = (byte*)(integers + IntMath.CeilDiv(problem.Frames, 2));
        var best = new CtcViterbi(numbers, decisions, problem.Labels, problem.S, problem.Frames, Blank).Align(
            problem.Logits,
            problem.FrameStride,
            states
        );
        if (double.IsNegativeInfinity(best))
            return double.PositiveInfinity;

        var loss = 0.0;
        for (var t = 0; t < problem.Frames; t++)
        {
            TReal* logits = problem.Logits + t * problem.FrameStride,
                gradient = problem.Gradient + t * problem.FrameStride;
            var symbol = (states[t] & 1) == 0 ? Blank : problem.Labels[states[t] >> 1];
            var (largest, sum) = LogMath.SumExp<TReal, double>(new ReadOnlySpan<TReal>(logits, problem.V));
            if (!double.IsFinite(largest))
                return double.NaN;
            loss += largest + Math.Log(sum) - double.CreateTruncating(logits[symbol]); // F5
            for (var v = 0; v < problem.V; v++)
            {
                var probability = Math.Exp(double.CreateTruncating(logits[v]) - largest) / sum;
                gradient[v] = TReal.CreateTruncating(problem.Scale * (probability - (v == symbol ? 1 : 0))); // B1
            }
        }
        return loss;
    }
}
