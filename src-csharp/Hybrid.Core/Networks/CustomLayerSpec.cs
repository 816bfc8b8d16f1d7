using System.Collections.Concurrent;
using System.Numerics;

namespace Hybrid.Core;

/// <summary>Makes a layer of one's own, whatever comes before it in a network.</summary>
public interface IOwnLayer
{
    /// <summary>What is wrong with the layer behind <paramref name="inputs"/> features; each a clause naming the value.</summary>
    IEnumerable<string> Problems(int inputs) => [];

    /// <summary>Features per frame of the output behind <paramref name="inputs"/> features; as many, unless said otherwise.</summary>
    int OutputFeatures(int inputs) => inputs;

    /// <summary>Whether every frame of the output lies where that of the input is; a residual block asks for it.</summary>
    bool KeepsFrames => true;

    /// <summary>The layer, with starting values of its own.</summary>
    Layer<R> Build<R>(int inputs) where R : unmanaged, IBinaryFloatingPointIeee754<R>;
}

/// <summary>
/// A layer that is no part of Hybrid. Files know it by its name alone, so whoever loads such a model registers the layer before:
/// nothing is ever looked up by what stands in a file.
/// </summary>
/// <param name="Name">The name under which <see cref="Register"/> knows it.</param>
public sealed record OwnLayerSpec(string Name) : LayerSpec
{
    private static readonly ConcurrentDictionary<string, IOwnLayer> Known = new(StringComparer.Ordinal);

    /// <summary>Makes a layer known in this process, in place of an earlier one of the same name.</summary>
    /// <param name="name">How networks and files call it.</param>
    /// <param name="layer">Makes it.</param>
    /// <returns>The layer as a part of a network.</returns>
    public static OwnLayerSpec Register(string name, IOwnLayer layer)
    {
        Known[name] = layer;
        return new OwnLayerSpec(name);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) => Known.TryGetValue(Name, out var layer)
        ? layer.Problems(inputs)
        : [$"no layer of this name is known: register it with OwnLayerSpec.Register(\"{Name}\", ...) before the network is declared or loaded"];

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Known[Name].OutputFeatures(inputs);

    internal override bool KeepsFrames => Known[Name].KeepsFrames;

    /// <inheritdoc/>
    public override Layer<R> Build<R>(int inputs) => Known[Name].Build<R>(inputs);

    /// <inheritdoc/>
    public override string Describe() => $"own layer {Name}";
}
