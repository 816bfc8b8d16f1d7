using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013), as
/// PyTorch's SGD.
/// </summary>
/// <param name="LearningRate">Step size, the maximum of the learning-rate schedule.</param>
/// <param name="Momentum">Decay of the velocity per step, in [0, 1).</param>
/// <param name="Nesterov">Whether the momentum is Nesterov's.</param>
/// <param name="WeightDecay">Factor of the weight that is added to its gradient.</param>
/// <param name="DecayWeightsOnly">
/// Whether weight decay spares biases and the scales and shifts of normalisations: tensors of fewer than two axes.
/// </param>
public sealed record SgdSpec(
    double LearningRate = 1e-2,
    double Momentum = 0,
    bool Nesterov = false,
    double WeightDecay = 0,
    bool DecayWeightsOnly = false
) : OptimizerSpec(LearningRate)
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems()
    {
        foreach (
            var problem in base.Problems()
                .Concat(NumberProblems.BelowOne(Momentum, "momentum"))
                .Concat(NumberProblems.NotNegative(WeightDecay, "weight decay"))
        )
            yield return problem;
        if (Nesterov && Momentum == 0)
            yield return "nesterov needs a momentum, but momentum is 0: give a momentum such as 0.9";
    }

    /// <inheritdoc/>
    public override Optimizer Build(IEnumerable<Parameter<float>> parameters) => new Sgd(this, parameters);
}

/// <summary>Stochastic gradient descent; without momentum it has no state. Derivation: Optimizer.md.</summary>
internal sealed class Sgd(SgdSpec spec, IEnumerable<Parameter<float>> parameters)
    : Optimizer(parameters, spec.DecayWeightsOnly, spec.Momentum > 0 ? ["velocity"] : [])
{
    private readonly float momentum = (float)spec.Momentum,
        penalty = (float)spec.WeightDecay;
    private float scale,
        step;

    private protected override void Prepare(double learningRate, double gradientScale) =>
        (scale, step) = ((float)gradientScale, (float)learningRate);

    private protected override unsafe void Apply(
        Span<float> value,
        ReadOnlySpan<float> gradient,
        Span<float> velocity,
        Span<float> unused,
        bool decays
    )
    {
        fixed (
            float* pw = value,
                pg = gradient,
                pv = velocity
        )
            VectorLoop.Run<float, StepKernel>(
                value.Length,
                new(pw, pg, pv, scale, decays ? penalty : 0, momentum, spec.Nesterov, step)
            );
    }

    /// <summary>One step; <paramref name="pv"/> is null without momentum.</summary>
    private readonly unsafe struct StepKernel(
        float* pw,
        float* pg,
        float* pv,
        float scale,
        float penalty,
        float momentum,
        bool nesterov,
        float step
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess
        {
            var w = TAccess.Load(pw + i, left);
            var g = VectorMath.MultiplyAdd(w, Vector512.Create(penalty), TAccess.Load(pg + i, left) * scale); // F1
            if (pv is not null)
            {
                var v = VectorMath.MultiplyAdd(TAccess.Load(pv + i, left), Vector512.Create(momentum), g); // F6
                TAccess.Store(v, pv + i, left);
                g = nesterov ? VectorMath.MultiplyAdd(v, Vector512.Create(momentum), g) : v; // F7
            }
            TAccess.Store(VectorMath.MultiplyAdd(g, Vector512.Create(-step), w), pw + i, left); // F8
        }
    }
}
