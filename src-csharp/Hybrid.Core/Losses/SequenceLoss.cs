using System.Numerics;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>How the losses of a batch become one number.</summary>
public enum CtcReduction
{
    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>Their sum divided by the number of utterances that count.</summary>
    MeanPerUtterance,

    /// <summary>The mean over utterances of loss divided by label count (at least 1): PyTorch's "mean".</summary>
    MeanPerLabel,
}

/// <summary>The loss of a batch and its gradient.</summary>
/// <param name="Loss">The reduced loss; 0 where no utterance counts.</param>
/// <param name="Losses">[B], the negative natural log-likelihood of each utterance; NaN for one left out.</param>
/// <param name="Gradient">[T, B, V], derivative of <paramref name="Loss"/> with respect to the logits.</param>
/// <param name="Skipped">Utterances left out because their labels do not fit.</param>
public readonly record struct CtcResult<TReal>(double Loss, Memory<double> Losses, Batch<TReal> Gradient, int Skipped)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

/// <summary>
/// What the losses on label sequences share: logits in - log-softmax is applied inside - checks, reductions, threads; loss and
/// gradient with respect to the logits out. Derivation: CtcLoss.md.
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

    /// <summary>How the losses of a batch become one number.</summary>
    public CtcReduction Reduction { get; }

    /// <summary>Loss and gradient of a batch.</summary>
    /// <param name="logits">[T, B, V], any real numbers.</param>
    /// <param name="targets">The labels of each utterance, in 0..V-1 without the blank; may be empty.</param>
    /// <param name="workspace">Where working memory and gradient live; threads share the utterances.</param>
    /// <param name="names">Names of the utterances for messages; their places where left out.</param>
    /// <exception cref="ArgumentException">A label is the blank or out of range, a target is missing, or an utterance is too long.</exception>
    /// <exception cref="InfeasibleTargetException">Labels do not fit and the policy is to throw.</exception>
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
            throw new ArgumentException($"{B} utterances need as many targets, not {targets.Count}", nameof(targets));
        var plan = workspace.Rent<Utterance>(B);
        var skipped = Plan(logits, targets, names, plan.Span);

        var (numbers, integers, labels) = (0L, 0L, 0);
        foreach (ref var utterance in plan.Span)
        {
            utterance.Labels = labels;
            if (!utterance.Counts)
                continue;
            var space = WorkspaceSize(utterance.Frames, utterance.S, logits.F);
            (numbers, integers, labels) = (
                Math.Max(numbers, space.Numbers),
                Math.Max(integers, space.Integers),
                labels + utterance.S
            );
        }
        var flat = workspace.Rent<int>(labels);
        for (var b = 0; b < B; b++)
            if (plan.Span[b].Counts)
                targets[b].CopyTo(flat.Span[plan.Span[b].Labels..]);

        // One slot per thread, if there is memory for so many: one utterance after the other goes through a slot while it is in the cache.
        var most = (int)(Array.MaxLength / 2 / Math.Max(1, Math.Max(numbers, integers)));
        if (most == 0)
            throw new ArgumentException(
                $"the lattice of the longest utterance needs {Math.Max(numbers, integers)} numbers: use shorter utterances",
                nameof(logits)
            );
        var slots = new ScratchSlots(Math.Min(most, Math.Min(B, workspace.Team.Threads)), workspace);
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
            if (plan.Span[b].Counts)
                loss += losses.Span[b] * plan.Span[b].Scale; // F6
        return new CtcResult<TReal>(loss, losses, gradient, skipped);
    }

    /// <summary>Working memory of an utterance: numbers and 64-bit integers.</summary>
    private protected abstract (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V);

    /// <summary>
    /// The loss of an utterance of at least one frame whose labels fit, and its gradient. NaN where a logit is NaN or
    /// +infinity; infinity where logits of -infinity leave no alignment; the gradient then stays zero as far as it is not written.
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
            var counts = target.Length + repeats <= frames;
            if (!counts && policy == InfeasiblePolicy.Throw)
                throw new InfeasibleTargetException(CtcLabels.Name(names, b), frames, target.Length, repeats);
            if (!counts)
                skipped++;
            plan[b] = new Utterance
            {
                Frames = frames,
                S = target.Length,
                Counts = counts,
            };
        }
        var counting = Math.Max(1, plan.Length - skipped);
        foreach (ref var utterance in plan)
            utterance.Scale = Reduction switch
            {
                CtcReduction.Sum => 1,
                CtcReduction.MeanPerUtterance => 1.0 / counting,
                _ => 1.0 / counting / Math.Max(1, utterance.S),
            };
        return skipped;
    }

    /// <summary>What is known of an utterance before the maths, and where its labels begin.</summary>
    private struct Utterance
    {
        public int Frames,
            S,
            Labels;
        public bool Counts;
        public double Scale;
    }

    /// <summary>What the threads share; each slot has an equal part of Numbers and of Integers.</summary>
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
            for (var t = 0; t < Logits.T; t++)
                Gradient.Row(t, b).Clear();
            if (!utterance.Counts || utterance.Frames == 0)
            {
                Losses.Span[b] = utterance.Counts ? 0 : double.NaN;
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
        }
    }
}

/// <summary>One utterance as a loss sees it.</summary>
/// <param name="logits">[frames, V], one frame every <paramref name="frameStride"/> elements.</param>
/// <param name="gradient">Where the gradient goes, in the same layout, zero beforehand.</param>
/// <param name="frameStride">Elements from one frame to the next.</param>
/// <param name="frames">At least one, and as many as the labels need.</param>
/// <param name="V">Symbols.</param>
/// <param name="labels">[S].</param>
/// <param name="S">Labels.</param>
/// <param name="scale">By what the gradient is multiplied.</param>
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
