namespace Hybrid.Core;

/// <summary>
/// A prefix beam search in progress (streaming). The result does not depend on how the frames are cut into calls of
/// <see cref="Append"/>. Instances are independent of each other; one thread at a time may use an instance. Derivation:
/// PrefixBeamSearchDecoder.md.
/// </summary>
public sealed class PrefixBeamSearch
{
    // e^600 is finite, and so is its product with a probability.
    private const double LargestLogWeight = 600;

    // 2^1000 and 2^-1000 are normal numbers.
    private const int LargestExponent = 1000;

    private readonly PrefixBeamOptions options;

    // Null also if its weight is 0, so that labels impossible under the model stay possible.
    private readonly NGramModel? languageModel;
    private readonly double bonus;
    private readonly PrefixTree tree;
    private readonly Shortlist candidates;
    private readonly Dictionary<int, double[]> languageRows = [];
    private readonly List<float> history = [];

    private Entry[] beam,
        next;
    private int beamCount = 1;
    private long scale; // true probabilities are those of the beam times 2^scale
    private int symbols = -1,
        step;
    private double[] probabilities = [],
        ranked = [];
    private int[] likely = [];

    // [beam, symbols]: the latest step in which the prefix extended by the symbol was an entry itself.
    private int[] extendedAt = [];

    internal PrefixBeamSearch(PrefixBeamOptions options)
    {
        this.options = options;
        languageModel = options.LanguageModelWeight == 0 ? null : options.LanguageModel;
        bonus = Math.Exp(options.LengthBonus);
        tree = new PrefixTree(languageModel?.StartState ?? 0);
        candidates = new Shortlist(options.Width);
        (beam, next) = (new Entry[options.Width], new Entry[options.Width]);
        beam[0] = new Entry
        {
            Prefix = PrefixTree.Root,
            Blank = 1,
            Weight = 1,
        };
        tree[PrefixTree.Root].BeamIndex = 0;
    }

    /// <summary>Number of frames processed so far.</summary>
    public int Frames => step;

    /// <summary>Processes further frames.</summary>
    /// <param name="logProbs">[T, V]; V is the same in all calls.</param>
    /// <exception cref="ArgumentException">
    /// The number of symbols differs from earlier frames, or does not fit the blank or the language model.
    /// </exception>
    public void Append(LogProbs logProbs)
    {
        Search(logProbs);
        history.AddRange(logProbs.Data.Span);
    }

    /// <summary>
    /// The hypotheses of the frames so far, the best first; empty if all have probability 0. Further frames may follow.
    /// </summary>
    public IReadOnlyList<Hypothesis> Finish() =>
        Finish(symbols < 0 ? null : LogProbs.OfChecked([.. history], step, symbols));

    /// <summary>Decodes a whole utterance, without a copy of its frames.</summary>
    internal IReadOnlyList<Hypothesis> Decode(LogProbs logProbs)
    {
        Search(logProbs);
        return Finish(logProbs);
    }

    private void Search(LogProbs logProbs)
    {
        if (symbols < 0)
            Begin(logProbs.V);
        if (logProbs.V != symbols)
            throw new ArgumentException(
                $"these frames have {logProbs.V} symbols, earlier frames had {symbols}",
                nameof(logProbs)
            );
        for (var t = 0; t < logProbs.T; t++)
            Step(logProbs[t]);
    }

    private List<Hypothesis> Finish(LogProbs? frames)
    {
        var aligner = new CtcAligner(options.Blank);
        return
        [
            .. Enumerable
                .Range(0, beamCount)
                .Select(i => (beam[i].Prefix, Scores: Scores(beam[i])))
                .Where(scored => !double.IsNegativeInfinity(scored.Scores.Acoustic))
                .OrderByDescending(scored => scored.Scores.Acoustic + scored.Scores.Language + scored.Scores.Bonus)
                .Take(options.Best)
                .Select(scored => new Hypothesis(
                    frames is null ? [] : aligner.Align(frames, tree.Labels(scored.Prefix)).Labels,
                    scored.Scores.Acoustic,
                    scored.Scores.Language,
                    scored.Scores.Bonus
                )),
        ];
    }

    private void Begin(int count)
    {
        if (options.Blank >= count)
            throw new ArgumentException($"blank {options.Blank} is not one of {count} symbols");
        if (options.LanguageModel is { } model && model.Symbols != count)
            throw new ArgumentException($"the language model has {model.Symbols} symbols, the frames have {count}");
        symbols = count;
        (probabilities, ranked) = (new double[count], new double[count]);
        likely = new int[count];
    }

    private void Step(ReadOnlySpan<float> frame)
    {
        step++;
        VectorMath.Exp(frame, probabilities);
        if (options.TopSymbols > 0 && options.TopSymbols < symbols || options.ProbabilityMass < 1)
            DropUnlikely();
        candidates.Clear();
        CollectUnchanged();
        var maxRank = 0.0;
        for (var i = 0; i < beamCount; i++)
            maxRank = Math.Max(maxRank, beam[i].MaxRank);
        var count = CollectLikely(maxRank);
        for (var i = 0; i < beamCount; i++)
            CollectExtensions(i, count);
        UpdateBeam(candidates.Sorted());
        if (tree.IsLarge)
            PruneTree();
    }

    /// <summary>
    /// Sets the probabilities of symbols that the options exclude to zero; ties keep the smaller symbols.
    /// </summary>
    private void DropUnlikely()
    {
        var (limit, count) = (options.TopSymbols > 0 ? Math.Min(options.TopSymbols, symbols) : symbols, 0);
        var largest = ranked.AsSpan(0, limit);
        foreach (var probability in probabilities)
        {
            if (count == limit && probability <= largest[limit - 1])
                continue;
            var slot = count < limit ? count++ : limit - 1;
            for (; slot > 0 && largest[slot - 1] < probability; slot--)
                largest[slot] = largest[slot - 1];
            largest[slot] = probability;
        }
        var mass = 0.0;
        for (var i = 0; i < count; mass += largest[i++])
            if (mass >= options.ProbabilityMass)
                count = i;
        var least = largest[count - 1];
        var equals = count - largest[..count].IndexOf(least);
        for (var symbol = 0; symbol < symbols; symbol++)
            if (probabilities[symbol] < least || probabilities[symbol] == least && equals-- <= 0)
                probabilities[symbol] = 0;
    }

    /// <summary>
    /// Adds every unchanged prefix with its probabilities after the frame (S1, S2), and marks extensions in the beam.
    /// </summary>
    private void CollectUnchanged()
    {
        if (extendedAt.Length < beamCount * symbols)
            extendedAt = new int[Math.Min(options.Width, 2 * beamCount) * symbols];
        for (var i = 0; i < beamCount; i++)
        {
            ref var entry = ref beam[i];
            ref var prefix = ref tree[entry.Prefix];
            entry.NextBlank = entry.Total * probabilities[options.Blank];
            entry.NextLabel = prefix.Symbol < 0 ? 0 : entry.Label * probabilities[prefix.Symbol];
            if (prefix.Parent >= 0 && tree[prefix.Parent].BeamIndex is >= 0 and var parent)
            {
                entry.NextLabel += Extension(beam[parent], prefix.Symbol);
                extendedAt[parent * symbols + prefix.Symbol] = step;
            }
            entry.LanguageFactors = languageModel is null ? null : FactorsAfter(prefix.LanguageState);
            entry.MaxRank = entry.Total * entry.Weight * (entry.LanguageFactors is { } row ? row[symbols] : bonus);
            candidates.Add(new Candidate((entry.NextBlank + entry.NextLabel) * entry.Weight, i, -1));
        }
    }

    /// <summary>
    /// Collects the labels, in order of probability, by which an entry can be extended into the beam; returns their
    /// number.
    /// </summary>
    /// <param name="maxRank">The largest <see cref="Entry.MaxRank"/>.</param>
    private int CollectLikely(double maxRank)
    {
        var (count, threshold) = (0, candidates.Threshold);
        for (var symbol = 0; symbol < symbols; symbol++)
        {
            if (!(probabilities[symbol] > 0 && maxRank * probabilities[symbol] >= threshold) || symbol == options.Blank)
                continue;
            var slot = count++;
            for (; slot > 0 && probabilities[symbol] > probabilities[likely[slot - 1]]; slot--)
                likely[slot] = likely[slot - 1];
            likely[slot] = symbol;
        }
        return count;
    }

    private void CollectExtensions(int index, int count)
    {
        ref readonly var entry = ref beam[index];
        for (var i = 0; i < count; i++)
        {
            var symbol = likely[i];
            // Symbols are in order of probability: none of the others can reach the beam.
            if (entry.MaxRank * probabilities[symbol] < candidates.Threshold)
                break;
            if (extendedAt[index * symbols + symbol] == step)
                continue;
            var rank =
                Extension(entry, symbol) * entry.Weight * (entry.LanguageFactors is { } row ? row[symbol] : bonus);
            if (rank > 0 && rank >= candidates.Threshold)
                candidates.Add(new Candidate(rank, index, symbol));
        }
    }

    /// <summary>Probability that an entry passes to its prefix extended by a symbol (S3).</summary>
    private double Extension(in Entry entry, int symbol) =>
        probabilities[symbol] * (tree[entry.Prefix].Symbol == symbol ? entry.Blank : entry.Total);

    /// <summary>
    /// Makes the candidates the beam. Multiplies probabilities by the power of two that brings the largest near 1, and
    /// sets the weight of each entry by language model and length bonus, relative to that of the first.
    /// </summary>
    private void UpdateBeam(ReadOnlySpan<Candidate> chosen)
    {
        for (var i = 0; i < beamCount; i++)
            tree[beam[i].Prefix].BeamIndex = -1;
        var largest = 0.0;
        for (var i = 0; i < chosen.Length; i++)
        {
            ref readonly var from = ref beam[chosen[i].Entry];
            ref var to = ref next[i];
            (to.Prefix, to.Blank, to.Label) =
                chosen[i].Symbol < 0
                    ? (from.Prefix, from.NextBlank, from.NextLabel)
                    : (tree.Child(from.Prefix, chosen[i].Symbol, languageModel), 0, Extension(from, chosen[i].Symbol));
            largest = Math.Max(largest, to.Total);
        }
        (beam, next, beamCount) = (next, beam, chosen.Length);
        var exponent = largest > 0 ? Math.Clamp(Math.ILogB(largest), -LargestExponent, LargestExponent) : 0;
        scale += exponent;
        var factor = Math.ScaleB(1, -exponent);
        var isWeighted = languageModel is not null || options.LengthBonus != 0;
        var reference = isWeighted && beamCount > 0 ? LogWeight(beam[0].Prefix) : 0;
        for (var i = 0; i < beamCount; i++)
        {
            ref var entry = ref beam[i];
            (entry.Blank, entry.Label) = (entry.Blank * factor, entry.Label * factor);
            entry.Weight = isWeighted ? Math.Exp(Math.Min(LargestLogWeight, LogWeight(entry.Prefix) - reference)) : 1;
            tree[entry.Prefix].BeamIndex = i;
        }
    }

    private void PruneTree()
    {
        var kept = new int[beamCount];
        for (var i = 0; i < beamCount; i++)
            kept[i] = beam[i].Prefix;
        tree.Prune(kept);
        for (var i = 0; i < beamCount; i++)
            beam[i].Prefix = kept[i];
    }

    /// <summary>
    /// e^(weight * log p(symbol | state) + bonus) of every label, then the largest of them; [symbols + 1].
    /// </summary>
    private double[] FactorsAfter(int state)
    {
        if (languageRows.TryGetValue(state, out var row))
            return row;
        row = new double[symbols + 1];
        for (var symbol = 0; symbol < symbols; symbol++)
        {
            if (symbol == options.Blank)
                continue;
            row[symbol] = Math.Exp(
                options.LanguageModelWeight * languageModel!.Next(state, symbol).LogProbability + options.LengthBonus
            );
            row[symbols] = Math.Max(row[symbols], row[symbol]);
        }
        return languageRows[state] = row;
    }

    private double LogWeight(int prefix) =>
        tree[prefix].Length == 0
            ? 0
            : (languageModel is null ? 0 : options.LanguageModelWeight * tree[prefix].Language)
                + options.LengthBonus * tree[prefix].Length;

    private (double Acoustic, double Language, double Bonus) Scores(in Entry entry)
    {
        ref readonly var prefix = ref tree[entry.Prefix];
        var language = languageModel is { } model
            ? options.LanguageModelWeight * (prefix.Language + model.End(prefix.LanguageState))
            : 0;
        return (
            Math.Min(0, Math.Log(entry.Total) + scale * Math.Log(2)),
            language,
            options.LengthBonus * prefix.Length
        );
    }

    /// <summary>A prefix in the beam.</summary>
    private struct Entry
    {
        /// <summary>Node of the tree.</summary>
        public int Prefix;

        /// <summary>Probability of all alignments that end in the blank, without the common scale.</summary>
        public double Blank;

        /// <summary>Probability of all alignments that end in the last label, without the common scale.</summary>
        public double Label;

        /// <summary>Factor by language model and length bonus.</summary>
        public double Weight;

        /// <summary>Both probabilities of the unchanged prefix after the current frame.</summary>
        public double NextBlank,
            NextLabel;

        /// <summary>
        /// Upper bound of the rank of an extension, divided by the symbol's probability in the current frame.
        /// </summary>
        public double MaxRank;

        /// <summary>The language model's factors for the next label: see <see cref="FactorsAfter"/>.</summary>
        public double[]? LanguageFactors;

        public readonly double Total => Blank + Label;
    }
}
