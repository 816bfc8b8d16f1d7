using System.Collections.Concurrent;
using System.Numerics;

namespace Hybrid.Core;

/// <summary>Builds a custom layer for any number of input features.</summary>
public interface ICustomLayer
{
    /// <summary>
    /// The problems of the layer with <paramref name="inputs"/> input features, each a clause with the value.
    /// </summary>
    IEnumerable<string> Problems(int inputs) => [];

    /// <summary>
    /// Features per output frame, for <paramref name="inputs"/> input features; by default the same number.
    /// </summary>
    int OutputFeatures(int inputs) => inputs;

    /// <summary>The positions of output frames in the input; the body of a residual block needs the identity.</summary>
    FrameMapping FrameMapping => FrameMapping.Identity;

    /// <summary>Builds the layer with its initial values.</summary>
    Layer<TReal> Build<TReal>(int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;
}

/// <summary>
/// A layer that is not part of Hybrid. Files store only its name, so a program must register the layer before it loads
/// such a model: no type is ever resolved from a name in a file.
/// </summary>
/// <param name="Name">The name under which it is registered.</param>
public sealed record CustomLayerSpec(string Name) : LayerSpec
{
    private static readonly ConcurrentDictionary<string, ICustomLayer> Known = new(StringComparer.Ordinal);

    /// <summary>Registers a layer in this process; replaces an earlier one of the same name.</summary>
    /// <param name="name">The name in networks and files.</param>
    /// <param name="layer">Builds the layer.</param>
    /// <returns>The layer as a part of a network.</returns>
    public static CustomLayerSpec Register(string name, ICustomLayer layer)
    {
        Known[name] = layer;
        return new CustomLayerSpec(name);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        Known.TryGetValue(Name, out var layer)
            ? layer.Problems(inputs)
            :
            [
                "no layer of this name is known: register it with "
                    + $"CustomLayerSpec.Register(\"{Name}\", ...) before the network is declared or loaded",
            ];

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Known[Name].OutputFeatures(inputs);

    internal override FrameMapping FrameMapping => Known[Name].FrameMapping;

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        size.Frames = (long)(size.Frames / FrameMapping.Stride);
        size.Add(0, OutputFeatures(inputs));
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => Known[Name].Build<TReal>(inputs);

    /// <inheritdoc/>
    public override string Describe() => $"custom layer {Name}";
}
