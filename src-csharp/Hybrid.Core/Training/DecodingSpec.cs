using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>Decoder of the validation, as data.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "decoding")]
[JsonDerivedType(typeof(GreedyDecoding), "greedy")]
[JsonDerivedType(typeof(PrefixBeamDecoding), "prefixBeam")]
public abstract record DecodingSpec
{
    /// <summary>Invalid settings; each a phrase with the setting, its value and the bound.</summary>
    public abstract IEnumerable<string> Problems();

    /// <summary>A thread-safe function from log probabilities to the best hypothesis.</summary>
    public abstract Func<LogProbs, Hypothesis> Build();
}

/// <summary>Greedy decoding, <see cref="GreedyDecoder"/>.</summary>
public sealed record GreedyDecoding : DecodingSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => [];

    /// <inheritdoc/>
    public override Func<LogProbs, Hypothesis> Build() => new GreedyDecoder().Decode;
}

/// <summary>Prefix beam search, <see cref="PrefixBeamSearchDecoder"/>.</summary>
/// <param name="Width">Beam width: prefixes kept after each frame.</param>
public sealed record PrefixBeamDecoding(int Width = 16) : DecodingSpec
{
    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AtLeast(1, Width, "beam width");

    /// <inheritdoc/>
    public override Func<LogProbs, Hypothesis> Build()
    {
        var decoder = new PrefixBeamSearchDecoder(new PrefixBeamOptions { Width = Width });
        return logProbs => decoder.Decode(logProbs)[0];
    }
}
