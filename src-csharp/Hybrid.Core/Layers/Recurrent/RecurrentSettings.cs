namespace Hybrid.Core;

/// <summary>The settings of a <see cref="RecurrentStack{TReal}"/> that do not depend on the kind of cell.</summary>
/// <param name="Hidden">Hidden units per layer and direction, H.</param>
/// <param name="Bidirectional">Whether each layer has a second cell that runs backwards in time.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Dropout">Dropout probability between layers, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one dropout mask.</param>
/// <param name="LayerNorm">Whether the output of every layer is normalised, frame by frame.</param>
public sealed record RecurrentSettings(
    int Hidden,
    bool Bidirectional = false,
    int Layers = 1,
    double Dropout = 0,
    bool Locked = false,
    bool LayerNorm = false
)
{
    /// <summary>Directions in time, 1 or 2.</summary>
    internal int Directions => Bidirectional ? 2 : 1;
}
