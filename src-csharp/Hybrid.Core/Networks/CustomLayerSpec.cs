using System.Collections.Concurrent;
using System.Numerics;

namespace Hybrid.Core;

/// <summary>Makes a layer of one's own, whatever comes before it in a network.</summary>
public interface ICustomLayer
{
    /// <summary>What is wrong with the layer behind <paramref name="inputs"/> features; each a clause naming the value.</summary>
    IEnumerable<string> Problems(int inputs) => [];

    /// <summary>Features per frame of the output behind <paramref name="inputs"/> features; as many, unless said otherwise.</summary>
    int OutputFeatures(int inputs) => inputs;

    /// <summary>Whether every frame of the output lies where that of the input is; a residual block asks for it.</summary>
    bool KeepsFrames => true;

    /// <summary>The layer, with starting values of its own.</summary>
    Layer<TReal> Build<TReal>(int inputs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;
}

/// <summary>
/// A layer that is no part of Hybrid. Files know it by its name alone, so whoever loads such a model registers the layer before:
/// nothing is ever looked up by what stands in a file.
/// </summary>
/// <param name="Name">The name under which <see cref="Register"/> knows it.</param>
public sealed record CustomLayerSpec(string Name) : LayerSpec
{
    private static readonly ConcurrentDictionary<string, ICustomLayer> Known = new(StringComparer.Ordinal);

    /// <summary>Makes a layer known in this process, in place of an earlier one of the same name.</summary>
    /// <param name="name">How networks and files call it.</param>
    /// <param name="layer">Makes it.</param>
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
                $"no layer of this name is known: register it with CustomLayerSpec.Register(\"{Name}\", ...) before the network is declared or loaded",
            ];

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Known[Name].OutputFeatures(inputs);

    internal override bool KeepsFrames => Known[Name].KeepsFrames;

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => Known[Name].Build<TReal>(inputs);

    /// <inheritdoc/>
    public override string Describe() => $"custom layer {Name}";
}
