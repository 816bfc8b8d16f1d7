using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Confidence-based voice activity detection: drops the phones of regions in which the mean posterior probability of
/// the best phones is low. In speech the best symbol of most frames is nearly certain; in noise it is not.
/// </summary>
internal sealed class ConfidenceVad
{
    /// <summary>
    /// Half the averaging window, in seconds: single phones are uncertain in speech too, one to two seconds of them are
    /// not.
    /// </summary>
    public const double ReachSeconds = 1.5;

    private readonly int reach;
    private readonly double minConfidence;

    // Prefix sums over frames: element t covers frames 0..t-1.
    private readonly double[] probabilitySums;
    private readonly int[] phoneCounts;

    /// <summary>Prepares the prefix sums of an utterance, once for all hypotheses.</summary>
    /// <param name="logProbs">Output of the network, [T, V].</param>
    /// <param name="reach">Output frames on each side of the middle of a label that are averaged.</param>
    /// <param name="minConfidence">Threshold in [0, 1]; 0 keeps every label.</param>
    public ConfidenceVad(LogProbs logProbs, int reach, double minConfidence)
    {
        (this.reach, this.minConfidence) = (reach, minConfidence);
        var frames = minConfidence > 0 ? logProbs.T : 0;
        (probabilitySums, phoneCounts) = (new double[frames + 1], new int[frames + 1]);
        for (var t = 0; t < frames; t++)
        {
            var best = RowReductions.ArgMax(logProbs[t]);
            var isPhone = best != 0;
            probabilitySums[t + 1] = probabilitySums[t] + (isPhone ? Math.Exp(logProbs[t][best]) : 0);
            phoneCounts[t + 1] = phoneCounts[t] + (isPhone ? 1 : 0);
        }
    }

    /// <summary>
    /// Removes the labels outside of speech. A label is kept if the highest probability, averaged over the frames
    /// around its middle whose best symbol is not the blank, is at least the threshold. A label without such frames
    /// comes from a language model and is removed. Scores remain those of all labels.
    /// </summary>
    /// <param name="hypothesis">Result of any decoder.</param>
    public Hypothesis Apply(Hypothesis hypothesis)
    {
        if (minConfidence <= 0 || hypothesis.Labels.Count == 0)
            return hypothesis;
        return hypothesis with { Labels = [.. hypothesis.Labels.Where(IsSpeech)] };
    }

    private bool IsSpeech(LabelSpan label)
    {
        var middle = (label.Start + label.End - 1) / 2;
        var (start, end) = (Math.Max(0, middle - reach), Math.Min(phoneCounts.Length - 1, middle + reach + 1));
        var phones = phoneCounts[end] - phoneCounts[start];
        return phones > 0 && probabilitySums[end] - probabilitySums[start] >= minConfidence * phones;
    }
}
