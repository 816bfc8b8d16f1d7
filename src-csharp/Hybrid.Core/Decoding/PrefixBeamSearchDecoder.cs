namespace Hybrid.Core;

/// <summary>Settings of <see cref="PrefixBeamSearchDecoder"/>.</summary>
public sealed record PrefixBeamOptions
{
    /// <summary>The largest beam width; a beam of this width takes some hundred megabytes.</summary>
    public const int LargestWidth = 1 << 20;

    /// <summary>The largest magnitude of the insertion bonus, in nats per label.</summary>
    public const double LargestLengthBonus = 100;

    /// <summary>Beam width: prefixes kept after each frame, 1 to <see cref="LargestWidth"/>.</summary>
    public int Width { get; init; } = 16;

    /// <summary>The largest number of hypotheses to return.</summary>
    public int Best { get; init; } = 1;

    /// <summary>Number of symbols considered in each frame, the most probable ones; 0 for all.</summary>
    public int TopSymbols { get; init; }

    /// <summary>
    /// In each frame, only the fewest most probable symbols whose probabilities sum to at least this are considered; 1
    /// for all.
    /// </summary>
    public double ProbabilityMass { get; init; } = 1;

    /// <summary>Language model of label sequences; null for none.</summary>
    public NGramModel? LanguageModel { get; init; }

    /// <summary>Factor of the language model's log probabilities; 0 disables the model.</summary>
    public double LanguageModelWeight { get; init; } = 1;

    /// <summary>
    /// Insertion bonus, in nats per label, against the language model's preference for short sequences.
    /// </summary>
    public double LengthBonus { get; init; }

    /// <summary>Index of the blank symbol.</summary>
    public int Blank { get; init; }

    /// <summary>The problems of the settings, each a clause with the value; empty if there are none.</summary>
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
/// CTC prefix beam search (Graves 2012; Hannun et al. 2014). All alignments of a label sequence are merged during the
/// search, so the beam holds distinct sequences. With unlimited width it is exact. Derivation:
/// PrefixBeamSearchDecoder.md.
/// </summary>
/// <remarks>
/// Maximises log p(labels | audio) + weight * log p(labels) + bonus * number of labels, in natural logarithms. The
/// acoustic score of a hypothesis is the log probability, summed over all alignments, that the search has found for its
/// labels. Times and confidences are those of the best alignment of the labels (<see cref="CtcAligner"/>). Ties go to
/// the prefix that ranked higher before, then to the smaller symbol. A decoder may be used by several threads.
/// </remarks>
public sealed class PrefixBeamSearchDecoder
{
    private readonly PrefixBeamOptions options;

    /// <summary>Creates a decoder.</summary>
    /// <param name="options">Settings; the defaults if omitted.</param>
    /// <exception cref="ArgumentException">Settings are invalid; the message lists all problems.</exception>
    public PrefixBeamSearchDecoder(PrefixBeamOptions? options = null)
    {
        this.options = options ?? new PrefixBeamOptions();
        if (this.options.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
    }

    /// <summary>
    /// Decodes one utterance. Returns at most <see cref="PrefixBeamOptions.Best"/> hypotheses, the best first; none if
    /// all have probability 0, alone or under the language model.
    /// </summary>
    /// <param name="logProbs">[T, V]; with no frames the hypothesis is empty.</param>
    /// <exception cref="ArgumentException">The blank or the language model does not fit the symbols.</exception>
    public IReadOnlyList<Hypothesis> Decode(LogProbs logProbs) => Start().Decode(logProbs);

    /// <summary>Starts the search for an utterance whose frames arrive in parts (streaming).</summary>
    public PrefixBeamSearch Start() => new(options);
}
