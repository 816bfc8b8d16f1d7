namespace Hybrid.Speech;

/// <summary>
/// One hypothesis for an utterance: phones with times, and scores. Scores are natural logarithms and add up to
/// <see cref="Total"/>.
/// </summary>
/// <param name="Phones">The phones in order of time.</param>
/// <param name="LogProbability">
/// Log probability of the phones given the audio: of the best alignment with greedy decoding, of all alignments kept
/// with a beam search.
/// </param>
/// <param name="LanguageModel">Weighted log probability of the phone sequence; 0 without a language model.</param>
/// <param name="LengthBonus">Sum of the insertion bonuses of the phones, in nats.</param>
public sealed record TimedHypothesis(
    IReadOnlyList<Interval> Phones,
    double LogProbability,
    double LanguageModel = 0,
    double LengthBonus = 0
)
{
    /// <summary>Total score, by which hypotheses are ranked.</summary>
    public double Total => LogProbability + LanguageModel + LengthBonus;

    /// <summary>The names of the phones, separated by spaces.</summary>
    public override string ToString() => string.Join(' ', Phones.Select(phone => phone.Label));
}

/// <summary>The result of recognising an utterance.</summary>
/// <param name="Hypotheses">Hypotheses in descending order of score, at least one.</param>
/// <param name="DurationSeconds">Duration of the audio, in seconds.</param>
public sealed record RecognitionResult(IReadOnlyList<TimedHypothesis> Hypotheses, double DurationSeconds)
{
    /// <summary>The phones of the best hypothesis.</summary>
    public IReadOnlyList<Interval> Phones => Hypotheses[0].Phones;

    /// <summary><see cref="TimedHypothesis.LogProbability"/> of the best hypothesis.</summary>
    public double LogProbability => Hypotheses[0].LogProbability;

    /// <summary>The names of the phones of the best hypothesis, separated by spaces.</summary>
    public override string ToString() => Hypotheses[0].ToString();
}
