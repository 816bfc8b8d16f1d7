using System.Numerics;
using Hybrid.Core;

namespace Interop;

/// <summary>y = x w for every feature, with one of the mistakes that are easily made.</summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class OwnScale<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly ScaleMistake mistake;
    private readonly Parameter<R> weight;

    /// <summary>A layer for so many features.</summary>
    public OwnScale(int features, ScaleMistake mistake)
    {
        (OutputFeatures, this.mistake) = (features, mistake);
        weight = Parameter<R>.Constant("weight", 1, features);
        Parameters = [weight];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        pass.Workspace.Tape<Tape>(this) = new Tape(x);
        var y = x.Like(pass.Workspace, OutputFeatures);
        for (var i = 0; i < x.Data.Length; i++) y.Data.Span[i] = x.Data.Span[i] * weight.Value[i % OutputFeatures];
        if (mistake == ScaleMistake.Padding) y.Data.Span[^1] = R.One;
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var x = pass.Workspace.Tape<Tape>(this).X;
        var dx = dy.Like(pass.Workspace, OutputFeatures);
        for (var i = 0; i < dy.Data.Length; i++)
        {
            var feature = i % OutputFeatures;
            dx.Data.Span[i] = dy.Data.Span[i] * (mistake == ScaleMistake.Input ? R.One : weight.Value[feature]);
            if (mistake != ScaleMistake.Weight) weight.Gradient[feature] += dy.Data.Span[i] * x.Data.Span[i];
        }
        return dx;
    }

    private readonly record struct Tape(Batch<R> X);
}

/// <summary>What may be wrong with a layer.</summary>
public enum ScaleMistake
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The gradient of the input forgets the weight.</summary>
    Input,

    /// <summary>The gradient of the weight is forgotten.</summary>
    Weight,

    /// <summary>A frame beyond the end of an utterance is not zero.</summary>
    Padding,
}

/// <summary>Puts <see cref="OwnScale{R}"/> into networks.</summary>
/// <param name="mistake">What is to be wrong with it.</param>
public sealed class OwnScaleLayer(ScaleMistake mistake) : IOwnLayer
{
    /// <inheritdoc/>
    public Layer<R> Build<R>(int inputs) where R : unmanaged, IBinaryFloatingPointIeee754<R> => new OwnScale<R>(inputs, mistake);
}
