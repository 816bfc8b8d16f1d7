using System.Numerics;
using Hybrid.Core;

namespace Interop;

/// <summary>y = x w per feature, optionally with a typical mistake in its gradients.</summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class CustomScale<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly ScaleProblem problem;
    private readonly Parameter<TReal> weight;

    /// <summary>Creates the layer for a number of features.</summary>
    public CustomScale(int features, ScaleProblem problem)
    {
        (OutputFeatures, this.problem) = (features, problem);
        weight = Parameter<TReal>.Constant("weight", 1, features);
        Parameters = [weight];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        pass.Workspace.Tape<Tape>(this) = new Tape(x);
        var y = x.Like(pass.Workspace, OutputFeatures);
        for (var i = 0; i < x.Data.Length; i++)
            y.Data.Span[i] = x.Data.Span[i] * weight[i % OutputFeatures];
        if (problem == ScaleProblem.Padding)
            y.Data.Span[^1] = TReal.One;
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var x = pass.Workspace.TakeTape<Tape>(this).X;
        var dx = dy.Like(pass.Workspace, OutputFeatures);
        for (var i = 0; i < dy.Data.Length; i++)
        {
            var feature = i % OutputFeatures;
            dx.Data.Span[i] = dy.Data.Span[i] * (problem == ScaleProblem.Input ? TReal.One : weight[feature]);
            if (problem != ScaleProblem.Weight)
                weight.Gradient[feature] += dy.Data.Span[i] * x.Data.Span[i];
        }
        return dx;
    }

    private readonly record struct Tape(Batch<TReal> X);
}

/// <summary>A mistake in a layer.</summary>
public enum ScaleProblem
{
    /// <summary>None.</summary>
    None,

    /// <summary>The input gradient lacks the factor w.</summary>
    Input,

    /// <summary>The weight gradient is missing.</summary>
    Weight,

    /// <summary>A padding frame is not zero.</summary>
    Padding,
}

/// <summary>Builds <see cref="CustomScale{TReal}"/> for networks.</summary>
/// <param name="problem">The mistake of the layer.</param>
public sealed class CustomScaleLayer(ScaleProblem problem) : ICustomLayer
{
    /// <inheritdoc/>
    public Layer<TReal> Build<TReal>(int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> => new CustomScale<TReal>(inputs, problem);
}
