using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Adam (Kingma and Ba 2015) with weight decay as part of the gradient, as PyTorch's Adam.</summary>
/// <param name="LearningRate">Step size, the maximum of the learning-rate schedule.</param>
/// <param name="WeightDecay">Factor of the weight that is added to its gradient.</param>
/// <param name="Beta1">Decay of the running mean of the gradient, in [0, 1).</param>
/// <param name="Beta2">Decay of the running mean of the squared gradient, in [0, 1).</param>
/// <param name="Epsilon">Constant that is added to the root of the mean squared gradient.</param>
/// <param name="DecayWeightsOnly">
/// Whether weight decay spares biases and the scales and shifts of normalisations: tensors of fewer than two axes.
/// </param>
public sealed record AdamSpec(
    double LearningRate = 1e-3,
    double WeightDecay = 0,
    double Beta1 = 0.9,
    double Beta2 = 0.999,
    double Epsilon = 1e-8,
    bool DecayWeightsOnly = false
) : OptimizerSpec(LearningRate)
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        base.Problems().Concat(Adam.Problems(WeightDecay, Beta1, Beta2, Epsilon));

    /// <inheritdoc/>
    public override Optimizer Build(IEnumerable<Parameter<float>> parameters) =>
        new Adam(parameters, WeightDecay, Beta1, Beta2, Epsilon, decoupled: false, DecayWeightsOnly);
}

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch's AdamW.</summary>
/// <param name="LearningRate">Step size, the maximum of the learning-rate schedule.</param>
/// <param name="WeightDecay">Fraction by which a weight decays per step and unit of learning rate.</param>
/// <param name="Beta1">Decay of the running mean of the gradient, in [0, 1).</param>
/// <param name="Beta2">Decay of the running mean of the squared gradient, in [0, 1).</param>
/// <param name="Epsilon">Constant that is added to the root of the mean squared gradient.</param>
/// <param name="DecayWeightsOnly">
/// Whether weight decay spares biases and the scales and shifts of normalisations: tensors of fewer than two axes.
/// </param>
public sealed record AdamWSpec(
    double LearningRate = 1e-3,
    double WeightDecay = 1e-2,
    double Beta1 = 0.9,
    double Beta2 = 0.999,
    double Epsilon = 1e-8,
    bool DecayWeightsOnly = false
) : OptimizerSpec(LearningRate)
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        base.Problems().Concat(Adam.Problems(WeightDecay, Beta1, Beta2, Epsilon));

    /// <inheritdoc/>
    public override Optimizer Build(IEnumerable<Parameter<float>> parameters) =>
        new Adam(parameters, WeightDecay, Beta1, Beta2, Epsilon, decoupled: true, DecayWeightsOnly);
}

/// <summary>Adam, with weight decay as part of the gradient or decoupled from it. Derivation: Optimizer.md.</summary>
internal sealed class Adam(
    IEnumerable<Parameter<float>> parameters,
    double weightDecay,
    double beta1,
    double beta2,
    double epsilon,
    bool decoupled,
    bool decayWeightsOnly
) : Optimizer(parameters, decayWeightsOnly, "mean", "square")
{
    private float decay1,
        new1,
        decay2,
        new2,
        scale,
        penalty,
        keep,
        step,
        squareCorrection,
        small;

    public static IEnumerable<string> Problems(double weightDecay, double beta1, double beta2, double epsilon) =>
        NumberProblems
            .NotNegative(weightDecay, "weight decay")
            .Concat(NumberProblems.BelowOne(beta1, "beta1"))
            .Concat(NumberProblems.BelowOne(beta2, "beta2"))
            .Concat(NumberProblems.Positive(epsilon, "epsilon"));

    private protected override void Prepare(double learningRate, double gradientScale)
    {
        // 1 - beta is subtracted in double: in float, 1 - 0.999 is off by 1e-5.
        (decay1, new1, decay2, new2) = ((float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2));
        (scale, small) = ((float)gradientScale, (float)epsilon);
        (penalty, keep) = decoupled ? (0f, (float)(1 - learningRate * weightDecay)) : ((float)weightDecay, 1f);
        step = (float)(learningRate / (1 - Math.Pow(beta1, Steps)));
        squareCorrection = (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, Steps)));
    }

    private protected override unsafe void Apply(
        Span<float> value,
        ReadOnlySpan<float> gradient,
        Span<float> mean,
        Span<float> square,
        bool decays
    )
    {
        fixed (
            float* pw = value,
                pg = gradient,
                pm = mean,
                ps = square
        )
            VectorLoop.Run<float, StepKernel>(value.Length, new(this, decays, pw, pg, pm, ps));
    }

    private readonly unsafe struct StepKernel(Adam adam, bool decays, float* pw, float* pg, float* pm, float* ps)
        : IVectorKernel
    {
        private readonly float decay1 = adam.decay1,
            new1 = adam.new1,
            decay2 = adam.decay2,
            new2 = adam.new2,
            scale = adam.scale,
            penalty = decays ? adam.penalty : 0,
            keep = decays ? adam.keep : 1,
            step = adam.step,
            squareCorrection = adam.squareCorrection,
            small = adam.small;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess
        {
            var w = TAccess.Load(pw + i, left);
            var g = VectorMath.MultiplyAdd(w, Vector512.Create(penalty), TAccess.Load(pg + i, left) * scale); // F1
            var m = VectorMath.MultiplyAdd(TAccess.Load(pm + i, left), Vector512.Create(decay1), g * new1); // F2
            var s = VectorMath.MultiplyAdd(TAccess.Load(ps + i, left), Vector512.Create(decay2), g * g * new2); // F3
            var root = VectorMath.MultiplyAdd(
                Vector512.Sqrt(s),
                Vector512.Create(squareCorrection),
                Vector512.Create(small)
            ); // F4
            TAccess.Store(m, pm + i, left);
            TAccess.Store(s, ps + i, left);
            TAccess.Store(w * keep - m * step / root, pw + i, left); // F5
        }
    }
}
