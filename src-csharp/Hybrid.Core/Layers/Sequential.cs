using System.Numerics;

namespace Hybrid.Core;

/// <summary>A sequence of layers, as PyTorch's Sequential: their paths begin with 0, 1 and so on.</summary>
/// <example>
/// <code>
/// var layers = new Sequential&lt;float&gt;(
///     40,
///     new Linear&lt;float&gt;(40, 64),
///     new Activation&lt;float&gt;(ActivationFunction.Relu, 64),
///     new Linear&lt;float&gt;(64, 41)
/// );
/// Batch&lt;float&gt; y = layers.Forward(x, new Pass(workspace)); // [T, B, 40] to [T, B, 41]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Sequential<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // An array, because enumerating an interface would allocate at every step.
    private readonly Layer<TReal>[] layers;
    private readonly int inputs,
        firstTrainable;

    /// <summary>A sequence of layers that takes <paramref name="inputs"/> features.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number of inputs is not positive.</exception>
    public Sequential(int inputs, params Layer<TReal>[] layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        this.inputs = inputs;
        this.layers = [.. layers.Select((layer, i) => AddChild($"{i}", layer))];
        firstTrainable = Math.Max(
            0,
            Array.FindIndex(this.layers, layer => layer.Parameters.Any(parameter => parameter.IsTrainable))
        );
        Parameters = [.. layers.SelectMany(layer => layer.Parameters)];
    }

    /// <inheritdoc/>
    public override int OutputFeatures => layers.Length == 0 ? inputs : layers[^1].OutputFeatures;

    /// <inheritdoc/>
    public override int OutputLength(int frames) =>
        layers.Aggregate(frames, (length, layer) => layer.OutputLength(length));

    /// <inheritdoc/>
    public override FrameMapping FrameMapping =>
        layers.Aggregate(FrameMapping.Identity, (mapping, layer) => mapping.Then(layer.FrameMapping));

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames)
    {
        var sum = 0L;
        foreach (var layer in layers)
        {
            sum += layer.MultiplyAdds(frames);
            frames = layer.OutputLength(frames);
        }
        return sum;
    }

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Sequential");
        foreach (var layer in layers)
            x = layer.Forward(x, layer.In(pass));
        return x;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        // Without an input gradient, the backward pass ends at the first layer with weights.
        var first = pass.SkipInputGradient ? firstTrainable : 0;
        for (var i = layers.Length - 1; i >= first; i--)
            dy = layers[i]
                .Backward(
                    dy,
                    layers[i].In(pass) with
                    {
                        SkipInputGradient = pass.SkipInputGradient && i == first && layers[i].CanSkipInputGradient,
                    }
                );
        return dy;
    }
}
