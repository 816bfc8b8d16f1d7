namespace Hybrid.Core;

/// <summary>Settings of <see cref="PrefixBeamSearchDecoder"/>.</summary>
public sealed record PrefixBeamOptions
{
    /// <summary>The largest width: its entries take some hundred megabytes.</summary>
    public const int LargestWidth = 1 << 20;

    /// <summary>The largest bonus, in nats per label, up or down: beyond it nothing else would count.</summary>
    public const double LargestLengthBonus = 100;

    /// <summary>Prefixes that survive a frame, at most <see cref="LargestWidth"/>.</summary>
    public int Width { get; init; } = 16;

    /// <summary>Hypotheses to return, at most.</summary>
    public int Best { get; init; } = 1;

    /// <summary>Symbols considered in each frame, the most probable ones; 0 for all.</summary>
    public int TopSymbols { get; init; }

    /// <summary>In each frame only the most probable symbols are considered that together reach this probability; 1 for all.</summary>
    public double ProbabilityMass { get; init; } = 1;

    /// <summary>A model of label sequences; null for none.</summary>
    public NGramModel? LanguageModel { get; init; }

    /// <summary>By what the language model's logarithms are multiplied; with 0 it takes no part.</summary>
    public double LanguageModelWeight { get; init; } = 1;

    /// <summary>What each label adds to the score, against the language model's preference for few.</summary>
    public double LengthBonus { get; init; }

    /// <summary>Index of the blank symbol.</summary>
    public int Blank { get; init; }

    /// <summary>Everything that is wrong; each a clause naming the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        var problems = new List<string>();
        if (Width is < 1 or > LargestWidth)
            problems.Add($"beam width is {Width}, must be 1 to {LargestWidth}");
        if (Best < 1)
            problems.Add($"number of hypotheses is {Best}, must be at least 1");
        if (TopSymbols < 0)
            problems.Add($"number of symbols per frame is {TopSymbols}, must be at least 1, or 0 for all");
        if (ProbabilityMass is not (> 0 and <= 1))
            problems.Add(string.Create(culture, $"probability mass is {ProbabilityMass}, must be in (0, 1]"));
        if (!double.IsFinite(LanguageModelWeight) || LanguageModelWeight < 0)
            problems.Add(
                string.Create(culture, $"weight of the language model is {LanguageModelWeight}, must not be negative")
            );
        if (!(Math.Abs(LengthBonus) <= LargestLengthBonus))
            problems.Add(
                string.Create(
                    culture,
                    $"length bonus is {LengthBonus}, must be -{LargestLengthBonus} to {LargestLengthBonus}"
                )
            );
        if (Blank < 0)
            problems.Add($"blank is {Blank}, must not be negative");
        return problems;
    }
}

/// <summary>
/// CTC prefix beam search (Graves 2012; Hannun et al. 2014): all alignments of a label sequence are merged while it searches, so
/// the beam holds distinct sequences. With unlimited width it is exact. Derivation: PrefixBeamSearchDecoder.md.
/// </summary>
/// <remarks>
/// It maximises log p(labels | audio) + weight * log p(labels) + bonus * number of labels, all natural logarithms. A hypothesis'
/// acoustic score is the log probability that the search has collected for its labels over all alignments; its labels' times
/// and confidences are those of their best alignment (<see cref="CtcAligner"/>). At equal score the prefix that was better
/// placed before, then the smaller symbol, comes first.
/// </remarks>
public sealed class PrefixBeamSearchDecoder
{
    private readonly PrefixBeamOptions options;

    /// <summary>A decoder.</summary>
    /// <exception cref="ArgumentException">Settings are wrong; the message lists all.</exception>
    public PrefixBeamSearchDecoder(PrefixBeamOptions? options = null)
    {
        this.options = options ?? new PrefixBeamOptions();
        if (this.options.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
    }

    /// <summary>The best hypotheses of an utterance, the best first; none where all have probability 0, or a language model forbids them.</summary>
    /// <exception cref="ArgumentException">The blank or the language model does not fit the symbols.</exception>
    public IReadOnlyList<Hypothesis> Decode(LogProbs logProbs) => Start().Decode(logProbs);

    /// <summary>Begins an utterance whose frames come bit by bit; the result does not depend on how they are cut.</summary>
    public PrefixBeamSearch Start() => new(options);
}
