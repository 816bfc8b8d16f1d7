using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Tells stretches with speech from those with other sound by how sure a network is of its phones: where it hears speech, the best
/// symbol of most frames is nearly certain; what it takes for phones in noise is not.
/// </summary>
internal sealed class ConfidenceVad
{
    /// <summary>How far to either side frames are counted: single phones are unsure in speech too, a second or two of them are not.</summary>
    public const double ReachSeconds = 1.5;

    private readonly int reach;
    private readonly double least;

    // Sums over the frames before each, of probabilities and of phones.
    private readonly double[] sum;
    private readonly int[] count;

    /// <summary>Measures an utterance, once for all hypotheses.</summary>
    /// <param name="logProbs">What the network made of it.</param>
    /// <param name="reach">How many frames count before and behind the middle of a label.</param>
    /// <param name="least">In [0, 1]; nothing is left out at 0.</param>
    public ConfidenceVad(LogProbs logProbs, int reach, double least)
    {
        (this.reach, this.least) = (reach, least);
        var frames = least > 0 ? logProbs.T : 0;
        (sum, count) = (new double[frames + 1], new int[frames + 1]);
        for (var t = 0; t < frames; t++)
        {
            var best = logProbs[t].IndexOf(System.Numerics.Tensors.TensorPrimitives.Max(logProbs[t]));
            var isPhone = best != 0;
            sum[t + 1] = sum[t] + (isPhone ? Math.Exp(logProbs[t][best]) : 0);
            count[t + 1] = count[t] + (isPhone ? 1 : 0);
        }
    }

    /// <summary>
    /// A hypothesis without its labels outside of speech. A label is in speech if the mean of the highest probability over the frames
    /// around its middle, those whose most probable symbol is the blank left out, is at least the least allowed. Where all are left out, a
    /// language model alone has put it there. Scores stay those of all labels.
    /// </summary>
    /// <param name="hypothesis">What a decoder found; the measure does not depend on which.</param>
    public Hypothesis Apply(Hypothesis hypothesis)
    {
        if (least <= 0 || hypothesis.Labels.Count == 0)
            return hypothesis;
        return hypothesis with { Labels = [.. hypothesis.Labels.Where(IsSpeech)] };

        bool IsSpeech(LabelSpan label)
        {
            var middle = (label.Start + label.End - 1) / 2;
            var (from, to) = (Math.Max(0, middle - reach), Math.Min(sum.Length - 1, middle + reach + 1));
            var phones = count[to] - count[from];
            return phones > 0 && sum[to] - sum[from] >= least * phones;
        }
    }
}
