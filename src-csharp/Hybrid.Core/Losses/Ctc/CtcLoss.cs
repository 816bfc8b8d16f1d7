namespace Hybrid.Core;

/// <summary>
/// Connectionist temporal classification (CTC) over all alignments (Graves et al. 2006): the negative log-likelihood of
/// the labels of each utterance, and its gradient with respect to the logits. Derivation: CtcLoss.md.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
/// <param name="reduction">The reduction of the losses of a batch.</param>
/// <param name="policy">The treatment of utterances with fewer frames than their labels need.</param>
public sealed class CtcLoss(
    int blank = 0,
    CtcReduction reduction = CtcReduction.MeanPerUtterance,
    InfeasiblePolicy policy = InfeasiblePolicy.Throw
) : SequenceLoss(blank, reduction, policy)
{
    private protected override (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V)
    {
        var (states, blocks) = (
            CtcRecursion.WorkspaceSize(frames, S, V),
            CtcBlockRecursion.WorkspaceSize(frames, S, V)
        );
        return (
            AlignedMemory.RoundUp<double>(Math.Max(states, blocks.Numbers)),
            AlignedMemory.RoundUp<long>(Math.Max(states, blocks.Integers))
        );
    }

    private protected override unsafe double Run<TReal>(
        in SequenceProblem<TReal> problem,
        double* numbers,
        long* integers
    ) =>
        new CtcBlockRecursion(numbers, integers, problem.Labels, problem.S, problem.V, problem.Frames).TryRun(
            problem.Logits,
            problem.FrameStride,
            Blank,
            problem.Gradient,
            problem.Scale,
            out var loss
        )
            ? loss
            : new CtcRecursion(numbers, integers, problem.Labels, problem.S, problem.V, problem.Frames).Run(
                problem.Logits,
                problem.FrameStride,
                Blank,
                problem.Gradient,
                problem.Scale
            );
}
