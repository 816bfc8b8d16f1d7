namespace Hybrid.Core;

/// <summary>
/// Connectionist temporal classification over all alignments (Graves et al. 2006): logits in - log-softmax is applied
/// inside - loss and gradient with respect to the logits out. Derivation: CtcLoss.md.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
/// <param name="reduction">How the losses of a batch become one number.</param>
/// <param name="policy">What to do with an utterance whose labels do not fit into its frames.</param>
public sealed class CtcLoss(
    int blank = 0,
    CtcReduction reduction = CtcReduction.MeanPerUtterance,
    InfeasiblePolicy policy = InfeasiblePolicy.Throw
) : SequenceLoss(blank, reduction, policy)
{
    private protected override (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V)
    {
        var (space, blocks) = (CtcRecursion.WorkspaceSize(frames, S, V), CtcBlockRecursion.WorkspaceSize(frames, S, V));
        return (
            AlignedMemory.RoundUp<double>(Math.Max(space, blocks.Numbers)),
            AlignedMemory.RoundUp<long>(Math.Max(space, blocks.Integers))
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
