namespace Hybrid.Core;

/// <summary>
/// Greedy (best-path) CTC decoding (Graves et al. 2006): takes the most probable symbol of each frame, merges equal
/// neighbours and drops blanks. Ties go to the smaller index.
/// </summary>
/// <param name="blank">Index of the blank symbol.</param>
public sealed class GreedyDecoder(int blank = 0)
{
    /// <summary>
    /// Decodes one utterance. The acoustic score is the log probability of the best path alone. A label's confidence is
    /// the mean probability of its symbol over its frames.
    /// </summary>
    /// <param name="logProbs">[T, V]; with no frames the hypothesis is empty, with score 0.</param>
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

    /// <summary>
    /// Decodes many utterances in parallel. The hypotheses are in the order of the utterances and equal those of
    /// <see cref="Decode(LogProbs)"/>.
    /// </summary>
    /// <param name="batch">The utterances, of any lengths.</param>
    /// <param name="team">Threads; those of all processors by default.</param>
    /// <exception cref="ArgumentException">The blank is not one of the symbols of an utterance.</exception>
    public IReadOnlyList<Hypothesis> Decode(IReadOnlyList<LogProbs> batch, ThreadTeam? team = null)
    {
        var job = new BatchJob(this, batch, new Hypothesis[batch.Count]);
        (team ?? ThreadTeam.Default).For(batch.Count, job, static (in BatchJob job, int b) => job.Run(b));
        return job.Results;
    }

    private readonly record struct BatchJob(GreedyDecoder Decoder, IReadOnlyList<LogProbs> Inputs, Hypothesis[] Results)
    {
        public void Run(int b) => Results[b] = Decoder.Decode(Inputs[b]);
    }
}
