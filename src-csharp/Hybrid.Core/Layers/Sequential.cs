using System.Numerics;

namespace Hybrid.Core;

/// <summary>Layers one after another, as PyTorch's Sequential: their paths begin with 0, 1 and so on.</summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Sequential<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    // An array, because walking through an interface would allocate an enumerator at every step.
    private readonly Layer<TReal>[] layers;
    private readonly int inputs,
        firstTrainable;

    /// <summary>A chain behind <paramref name="inputs"/> features.</summary>
    public Sequential(int inputs, params Layer<TReal>[] layers)
    {
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
    public override (int Stride, double Offset) Centers =>
        layers.Aggregate((Stride: 1, Offset: 0.0), (sum, layer) =>
            (sum.Stride * layer.Centers.Stride, sum.Offset + sum.Stride * layer.Centers.Offset)
        );

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
        // Where nobody wants the gradient with respect to the input, the way back ends at the first weights.
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
