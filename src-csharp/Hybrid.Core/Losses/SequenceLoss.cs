using System.Numerics;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>The reduction of the losses of a batch to one number. Derivation: CtcLoss.md.</summary>
/// <remarks>
/// A loss by itself uses <see cref="MeanPerUtterance"/> by default; a training uses <see cref="MeanPerLabel"/>, so that
/// long utterances do not dominate a batch and figures of different corpora compare.
/// </remarks>
public enum CtcReduction
{
    /// <summary>The sum.</summary>
    Sum,

    /// <summary>The sum divided by the number of utterances that are not skipped.</summary>
    MeanPerUtterance,

    /// <summary>
    /// The mean over utterances of the loss divided by the label count (at least 1): PyTorch's "mean".
    /// </summary>
    MeanPerLabel,
}

/// <summary>The loss of a batch and its gradient, both in the caller's workspace.</summary>
/// <param name="Loss">The reduced loss; 0 if all utterances are skipped.</param>
/// <param name="Losses">[B], the negative natural log-likelihood of each utterance; NaN for a skipped one.</param>
/// <param name="Gradient">
/// [T, B, V], derivative of <paramref name="Loss"/> with respect to the logits; zero in padding.
/// </param>
/// <param name="Skipped">Number of utterances skipped because they have fewer frames than their labels need.</param>
public readonly record struct CtcResult<TReal>(double Loss, Memory<double> Losses, Batch<TReal> Gradient, int Skipped)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

/// <summary>
/// Base of the losses on label sequences: checks, reductions and threads. Takes logits and applies log-softmax itself;
/// returns the loss and its gradient with respect to the logits. Derivation: CtcLoss.md.
/// </summary>
public abstract class SequenceLoss
{
    private readonly InfeasiblePolicy policy;

    private protected SequenceLoss(int blank, CtcReduction reduction, InfeasiblePolicy policy)
    {
        if (blank < 0)
            throw new ArgumentOutOfRangeException(nameof(blank), $"the blank is {blank}, must not be negative");
        (Blank, Reduction, this.policy) = (blank, reduction, policy);
    }

    /// <summary>Index of the blank symbol.</summary>
    public int Blank { get; }

    /// <summary>The reduction of the losses of a batch.</summary>
    public CtcReduction Reduction { get; }

    /// <summary>Computes loss and gradient of a batch.</summary>
    /// <param name="logits">
    /// [T, B, V]; padding is not read. NaN or positive infinity makes the loss of its utterance NaN; negative infinity
    /// is a symbol of probability 0, and the loss is infinite if no alignment is left. The gradient of such an
    /// utterance is zero.
    /// </param>
    /// <param name="targets">The labels of each utterance, in 0..V-1 without the blank; may be empty.</param>
    /// <param name="workspace">Memory of the result and of the computation; its threads share the utterances.</param>
    /// <param name="names">Names of the utterances in messages; their indices if omitted.</param>
    /// <exception cref="ArgumentException">
    /// A label is the blank or out of range, a target is missing, or an utterance is too long.
    /// </exception>
    /// <exception cref="InfeasibleTargetException">
    /// An utterance has fewer frames than its labels need, and the policy is <see cref="InfeasiblePolicy.Throw"/>.
    /// </exception>
    public CtcResult<TReal> Compute<TReal>(
        Batch<TReal> logits,
        IReadOnlyList<int[]> targets,
        Workspace workspace,
        IReadOnlyList<string>? names = null
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var B = logits.B;
        if (targets.Count != B)
            throw new ArgumentException($"{B} utterances need {B} targets, not {targets.Count}", nameof(targets));
        var plan = workspace.Rent<Utterance>(B);
        var skipped = Plan(logits, targets, names, plan.Span);

        var (numbers, integers, labels) = (0L, 0L, 0);
        foreach (ref var utterance in plan.Span)
        {
            utterance.Labels = labels;
            if (utterance.IsSkipped)
                continue;
            var size = WorkspaceSize(utterance.Frames, utterance.S, logits.F);
            (numbers, integers, labels) = (
                Math.Max(numbers, size.Numbers),
                Math.Max(integers, size.Integers),
                labels + utterance.S
            );
        }
        var flat = workspace.Rent<int>(labels);
        for (var b = 0; b < B; b++)
            if (!plan.Span[b].IsSkipped)
                targets[b].CopyTo(flat.Span[plan.Span[b].Labels..]);

        // One slot per thread, or as many as fit into an array: each is used by one utterance after the other, in
        // cache.
        var maxSlots = (int)(Array.MaxLength / 2 / Math.Max(1, Math.Max(numbers, integers)));
        if (maxSlots == 0)
            throw new ArgumentException(
                $"the lattice of the longest utterance needs {Math.Max(numbers, integers)} numbers: use shorter "
                    + "utterances",
                nameof(logits)
            );
        var slots = new ScratchSlots(Math.Min(maxSlots, Math.Min(B, workspace.Team.Threads)), workspace);
        var gradient = logits.With(workspace.Rent<TReal>(logits.Data.Length), logits.F);
        var losses = workspace.Rent<double>(B);
        var job = new Job<TReal>(
            this,
            logits,
            gradient,
            losses,
            plan,
            flat,
            slots,
            workspace.Scratch<double>((int)(slots.Count * numbers)),
            workspace.Scratch<long>((int)(slots.Count * integers))
        );
        workspace.Team.For(B, job, static (in Job<TReal> job, int b) => job.Run(b));

        var loss = 0.0;
        for (var b = 0; b < B; b++)
            if (!plan.Span[b].IsSkipped)
                loss += losses.Span[b] * plan.Span[b].Scale; // F6
        return new CtcResult<TReal>(loss, losses, gradient, skipped);
    }

    /// <summary>Working memory for an utterance: doubles and 64-bit integers.</summary>
    private protected abstract (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V);

    /// <summary>
    /// The loss of a feasible utterance of at least one frame, and its gradient. NaN if a logit is NaN or positive
    /// infinity; infinity if logits of negative infinity leave no alignment. The gradient is undefined in both cases.
    /// </summary>
    private protected abstract unsafe double Run<TReal>(
        in SequenceProblem<TReal> problem,
        double* numbers,
        long* integers
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

    private int Plan<TReal>(
        Batch<TReal> logits,
        IReadOnlyList<int[]> targets,
        IReadOnlyList<string>? names,
        Span<Utterance> plan
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var skipped = 0;
        for (var b = 0; b < plan.Length; b++)
        {
            var (target, frames) = (targets[b], logits.Lengths.Span[b]);
            CtcLabels.Check(target, logits.F, Blank, names, b);
            var repeats = CtcFeasibility.Repeats(target);
            var isSkipped = target.Length + repeats > frames;
            if (isSkipped && policy == InfeasiblePolicy.Throw)
                throw new InfeasibleTargetException(CtcLabels.Name(names, b), frames, target.Length, repeats);
            if (isSkipped)
                skipped++;
            plan[b] = new Utterance
            {
                Frames = frames,
                S = target.Length,
                IsSkipped = isSkipped,
            };
        }
        var counted = Math.Max(1, plan.Length - skipped);
        foreach (ref var utterance in plan)
            utterance.Scale = Reduction switch
            {
                CtcReduction.Sum => 1,
                CtcReduction.MeanPerUtterance => 1.0 / counted,
                _ => 1.0 / counted / Math.Max(1, utterance.S),
            };
        return skipped;
    }

    /// <summary>Sizes and weight of an utterance, and the offset of its labels among those of the batch.</summary>
    private struct Utterance
    {
        public int Frames,
            S,
            Labels;
        public bool IsSkipped;
        public double Scale;
    }

    /// <summary>State shared by the threads; each slot has an equal part of Numbers and of Integers.</summary>
    private readonly record struct Job<TReal>(
        SequenceLoss Loss,
        Batch<TReal> Logits,
        Batch<TReal> Gradient,
        Memory<double> Losses,
        Memory<Utterance> Plan,
        Memory<int> Labels,
        ScratchSlots Slots,
        Memory<double> Numbers,
        Memory<long> Integers
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        public unsafe void Run(int b)
        {
            var utterance = Plan.Span[b];
            ClearGradient(b);
            if (utterance.IsSkipped || utterance.Frames == 0)
            {
                Losses.Span[b] = utterance.IsSkipped ? double.NaN : 0;
                return;
            }
            var slot = Slots.Acquire();
            fixed (
                TReal* logits = Logits.Data.Span,
                    gradient = Gradient.Data.Span
            )
            fixed (double* numbers = Numbers.Span[(Numbers.Length / Slots.Count * slot)..])
            fixed (long* integers = Integers.Span[(Integers.Length / Slots.Count * slot)..])
            fixed (int* labels = &MemoryMarshal.GetReference(Labels.Span))
            {
                var first = (long)b * Logits.F;
                var problem = new SequenceProblem<TReal>(
                    logits + first,
                    gradient + first,
                    (long)Logits.B * Logits.F,
                    utterance.Frames,
                    Logits.F,
                    labels + utterance.Labels,
                    utterance.S,
                    utterance.Scale
                );
                Losses.Span[b] = Loss.Run(problem, numbers, integers);
            }
            Slots.Release(slot);
            if (!double.IsFinite(Losses.Span[b]))
                ClearGradient(b);
        }

        private void ClearGradient(int b)
        {
            for (var t = 0; t < Logits.T; t++)
                Gradient.Row(t, b).Clear();
        }
    }
}

/// <summary>One utterance of a batch, as input of a loss.</summary>
/// <param name="logits">[frames, V], with stride <paramref name="frameStride"/>.</param>
/// <param name="gradient">Receives the gradient, in the same layout; zero before.</param>
/// <param name="frameStride">Elements from one frame to the next.</param>
/// <param name="frames">At least one, and at least as many as the labels need.</param>
/// <param name="V">Number of symbols.</param>
/// <param name="labels">[S].</param>
/// <param name="S">Number of labels.</param>
/// <param name="scale">Factor of the gradient.</param>
internal readonly unsafe struct SequenceProblem<TReal>(
    TReal* logits,
    TReal* gradient,
    long frameStride,
    int frames,
    int V,
    int* labels,
    int S,
    double scale
)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    public readonly TReal* Logits = logits,
        Gradient = gradient;
    public readonly long FrameStride = frameStride;
    public readonly int Frames = frames,
        V = V,
        S = S;
    public readonly int* Labels = labels;
    public readonly double Scale = scale;
}
