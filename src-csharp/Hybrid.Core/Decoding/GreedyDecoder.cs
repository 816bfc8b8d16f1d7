namespace Hybrid.Core;

/// <summary>
/// Takes the most probable symbol of every frame, joins equal neighbours and drops blanks (best-path decoding, Graves et al.
/// 2006). At equal probability the symbol with the smaller index wins.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
public sealed class GreedyDecoder(int blank = 0)
{
    /// <summary>
    /// The hypothesis of the best path. Its acoustic score is the log probability of that one path; a label's confidence is
    /// the mean probability of its symbol over its frames.
    /// </summary>
    /// <exception cref="ArgumentException">The blank is not one of the symbols.</exception>
    public Hypothesis Decode(LogProbs logProbs)
    {
        if ((uint)blank >= (uint)logProbs.V)
            throw new ArgumentException($"blank {blank} is not one of {logProbs.V} symbols", nameof(logProbs));
        var labels = new List<LabelSpan>();
        var score = 0.0;
        for (var t = 0; t < logProbs.T; )
        {
            var symbol = RowReductions.ArgMax(logProbs[t]);
            var (start, probability) = (t, 0.0);
            for (; t < logProbs.T && RowReductions.ArgMax(logProbs[t]) == symbol; t++)
            {
                score += logProbs[t][symbol];
                probability += Math.Exp(logProbs[t][symbol]);
            }
            if (symbol != blank)
                labels.Add(new LabelSpan(symbol, start, t, Math.Min(1, probability / (t - start))));
        }
        return new Hypothesis(labels, score);
    }

    /// <summary>The hypotheses of many utterances in their order, each as if it were alone; threads share the utterances.</summary>
    /// <param name="batch">The utterances, of any lengths.</param>
    /// <param name="team">Threads; those of all processors where left out.</param>
    public IReadOnlyList<Hypothesis> Decode(IReadOnlyList<LogProbs> batch, ThreadTeam? team = null)
    {
        var results = new Hypothesis[batch.Count];
        (team ?? ThreadTeam.Default).For(
            batch.Count,
            (this, batch, results),
            static (in (GreedyDecoder Decoder, IReadOnlyList<LogProbs> Batch, Hypothesis[] Results) s, int b) =>
                s.Results[b] = s.Decoder.Decode(s.Batch[b])
        );
        return results;
    }
}
