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
public readonly record struct CtcResult<R>(double Loss, Memory<double> Losses, Batch<R> Gradient, int Skipped)
    where R : unmanaged, IBinaryFloatingPointIeee754<R>;

/// <summary>
/// Connectionist temporal classification over all alignments (Graves et al. 2006): logits in - log-softmax is applied
/// inside - loss and gradient with respect to the logits out. Derivation: CtcLoss.md.
/// </summary>
public sealed class CtcLoss
{
    private readonly InfeasiblePolicy policy;

    /// <summary>A loss.</summary>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <param name="reduction">How the losses of a batch become one number.</param>
    /// <param name="policy">What to do with an utterance whose labels do not fit into its frames.</param>
    public CtcLoss(int blank = 0, CtcReduction reduction = CtcReduction.MeanPerUtterance, InfeasiblePolicy policy = InfeasiblePolicy.Throw)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blank);
        (Blank, Reduction, this.policy) = (blank, reduction, policy);
    }

    /// <summary>Index of the blank symbol.</summary>
    public int Blank { get; }

    /// <summary>How the losses of a batch become one number.</summary>
    public CtcReduction Reduction { get; }

    /// <summary>Loss and gradient of a batch.</summary>
    /// <param name="logits">[T, B, V], any real numbers.</param>
    /// <param name="targets">The labels of each utterance, in 0..V-1 without the blank; may be empty.</param>
    /// <param name="workspace">Where the lattice and the gradient live; threads share the utterances.</param>
    /// <param name="names">Names of the utterances for messages; their places where left out.</param>
    /// <exception cref="ArgumentException">A label is the blank or out of range, a target is missing, or the batch is too large.</exception>
    /// <exception cref="InfeasibleTargetException">Labels do not fit and the policy is to throw.</exception>
    public CtcResult<R> Compute<R>(Batch<R> logits, IReadOnlyList<int[]> targets, Workspace workspace, IReadOnlyList<string>? names = null)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var B = logits.B;
        if (targets.Count != B) throw new ArgumentException($"{B} utterances need as many targets, not {targets.Count}", nameof(targets));
        if (Blank >= logits.F) throw new ArgumentException($"blank {Blank} is not one of {logits.F} symbols", nameof(logits));
        var plan = workspace.Rent<Utterance>(B);
        var skipped = Plan(logits, targets, names, plan.Span);

        long space = 0;
        var labels = 0;
        foreach (ref var utterance in plan.Span)
        {
            (utterance.Space, utterance.Labels) = (space, labels);
            if (!utterance.Counts) continue;
            space += CtcRecursion.Space(utterance.Frames, utterance.LabelCount, logits.F);
            labels += utterance.LabelCount;
        }
        if (space > Array.MaxLength / 2) throw new ArgumentException($"the lattices of this batch need {space} numbers: use smaller batches or shorter utterances", nameof(logits));
        var flat = workspace.Rent<int>(labels);
        for (var b = 0; b < B; b++)
            if (plan.Span[b].Counts) targets[b].CopyTo(flat.Span[plan.Span[b].Labels..]);

        var gradient = logits.With(workspace.RentZeroed<R>(logits.Data.Length), logits.F);
        var losses = workspace.Rent<double>(B);
        var job = new Job<R>(logits, gradient, losses, plan, flat, workspace.Rent<double>((int)space), workspace.Rent<long>((int)space), Blank);
        workspace.Team.For(B, job, static (in Job<R> job, int b) => job.Run(b));

        var loss = 0.0;
        for (var b = 0; b < B; b++)
            if (plan.Span[b].Counts) loss += losses.Span[b] * plan.Span[b].Scale; // F6
        return new CtcResult<R>(loss, losses, gradient, skipped);
    }

    private int Plan<R>(Batch<R> logits, IReadOnlyList<int[]> targets, IReadOnlyList<string>? names, Span<Utterance> plan)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var skipped = 0;
        for (var b = 0; b < plan.Length; b++)
        {
            var (target, frames) = (targets[b], logits.Lengths.Span[b]);
            for (var i = 0; i < target.Length; i++)
            {
                if ((uint)target[i] >= (uint)logits.F)
                    throw new ArgumentException($"utterance {Name(names, b)}: label {target[i]} at position {i} is not in 0..{logits.F - 1}", nameof(targets));
                if (target[i] == Blank)
                    throw new ArgumentException($"utterance {Name(names, b)}: the blank, {Blank}, stands at position {i} of the labels", nameof(targets));
            }
            var repeats = CtcFeasibility.Repeats(target);
            var counts = target.Length + repeats <= frames;
            if (!counts && policy == InfeasiblePolicy.Throw) throw new InfeasibleTargetException(Name(names, b), frames, target.Length, repeats);
            if (!counts) skipped++;
            plan[b] = new Utterance { Frames = frames, LabelCount = target.Length, Counts = counts };
        }
        var counting = Math.Max(1, plan.Length - skipped);
        foreach (ref var utterance in plan)
            utterance.Scale = Reduction switch
            {
                CtcReduction.Sum => 1,
                CtcReduction.MeanPerUtterance => 1.0 / counting,
                _ => 1.0 / counting / Math.Max(1, utterance.LabelCount),
            };
        return skipped;
    }

    private static string Name(IReadOnlyList<string>? names, int b) => names is null ? b.ToString(System.Globalization.CultureInfo.InvariantCulture) : names[b];

    /// <summary>What is known of an utterance before the maths, and where its part of the memory begins.</summary>
    private struct Utterance
    {
        public int Frames, LabelCount, Labels;
        public bool Counts;
        public long Space;
        public double Scale;
    }

    private readonly record struct Job<R>(Batch<R> Logits, Batch<R> Gradient, Memory<double> Losses, Memory<Utterance> Plan, Memory<int> Labels, Memory<double> Mantissas, Memory<long> Exponents, int Blank)
        where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        public unsafe void Run(int b)
        {
            var utterance = Plan.Span[b];
            if (!utterance.Counts || utterance.Frames == 0)
            {
                Losses.Span[b] = utterance.Counts ? 0 : double.NaN;
                return;
            }
            fixed (R* logits = Logits.Data.Span, gradient = Gradient.Data.Span)
            fixed (double* mantissas = Mantissas.Span)
            fixed (long* exponents = Exponents.Span)
            fixed (int* labels = &MemoryMarshal.GetReference(Labels.Span))
            {
                var recursion = new CtcRecursion(mantissas + utterance.Space, exponents + utterance.Space, labels + utterance.Labels, utterance.LabelCount, Logits.F, utterance.Frames);
                var first = (long)b * Logits.F;
                Losses.Span[b] = recursion.Run(logits + first, (long)Logits.B * Logits.F, Blank, gradient + first, utterance.Scale);
            }
        }
    }
}
