namespace Hybrid.Core;

/// <summary>
/// The state of a prefix beam search in the middle of an utterance. Any way of cutting the frames gives the same result;
/// states are independent of each other, and each belongs to one thread at a time.
/// </summary>
public sealed class PrefixBeamSearch
{
    // e to this is still a number, also after a probability has been multiplied with it.
    private const double LargestLogWeight = 600;

    // 2 to this is a number, as is its reciprocal.
    private const int LargestExponent = 1000;

    private readonly PrefixBeamOptions options;

    // Null also where its weight is 0: then not even what it holds for impossible counts.
    private readonly NGramModel? languageModel;
    private readonly double bonus;
    private readonly PrefixTree tree;
    private readonly Shortlist candidates;
    private readonly Dictionary<int, double[]> languageRows = [];
    private readonly List<float> history = [];

    private Entry[] beam,
        next;
    private int beamCount = 1;
    private long scale; // probabilities are those of the beam times 2 to this
    private int symbols = -1,
        step;
    private double[] probabilities = [],
        ranked = [];
    private int[] likely = [];

    // For each entry and symbol, the latest step in which the entry's prefix with this symbol was in the beam itself.
    private int[] grownAt = [];

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
        tree[PrefixTree.Root].Place = 0;
    }

    /// <summary>Frames taken in so far.</summary>
    public int Frames => step;

    /// <summary>Takes in more frames.</summary>
    /// <exception cref="ArgumentException">The frames have other symbols than those before, or the blank or the language model does not fit them.</exception>
    public void Append(LogProbs logProbs)
    {
        Search(logProbs);
        history.AddRange(logProbs.Data.Span);
    }

    /// <summary>The best hypotheses of the frames so far, the best first. More frames may follow.</summary>
    public IReadOnlyList<Hypothesis> Finish() =>
        Finish(symbols < 0 ? null : LogProbs.OfChecked([.. history], step, symbols));

    /// <summary>The best hypotheses of an utterance that comes as a whole.</summary>
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
                $"these frames have {logProbs.V} symbols, those before had {symbols}",
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
            throw new ArgumentException($"the language model knows {model.Symbols} symbols, the frames have {count}");
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
        CollectStays();
        var most = 0.0;
        for (var i = 0; i < beamCount; i++)
            most = Math.Max(most, beam[i].Most);
        var count = CollectLikely(most);
        for (var i = 0; i < beamCount; i++)
            CollectExtensions(i, count);
        TakeUp(candidates.Sorted());
        if (tree.IsLarge)
            PruneTree();
    }

    /// <summary>Sets to zero the probabilities of symbols that the options leave out; of equal ones the smaller symbols stay.</summary>
    private void DropUnlikely()
    {
        var (limit, count) = (options.TopSymbols > 0 ? Math.Min(options.TopSymbols, symbols) : symbols, 0);
        var largest = ranked.AsSpan(0, limit);
        foreach (var probability in probabilities)
        {
            if (count == limit && probability <= largest[limit - 1])
                continue;
            var place = count < limit ? count++ : limit - 1;
            for (; place > 0 && largest[place - 1] < probability; place--)
                largest[place] = largest[place - 1];
            largest[place] = probability;
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

    /// <summary>What every entry has after the frame without growing (S1, S2), and which entries are children of others.</summary>
    private void CollectStays()
    {
        if (grownAt.Length < beamCount * symbols)
            grownAt = new int[Math.Min(options.Width, 2 * beamCount) * symbols];
        for (var i = 0; i < beamCount; i++)
        {
            ref var entry = ref beam[i];
            ref var prefix = ref tree[entry.Prefix];
            entry.BlankStays = entry.Total * probabilities[options.Blank];
            entry.LabelStays = prefix.Symbol < 0 ? 0 : entry.Label * probabilities[prefix.Symbol];
            if (prefix.Parent >= 0 && tree[prefix.Parent].Place is >= 0 and var parent)
            {
                entry.LabelStays += Extension(beam[parent], prefix.Symbol);
                grownAt[parent * symbols + prefix.Symbol] = step;
            }
            entry.LanguageRow = languageModel is null ? null : LanguageRow(prefix.LanguageState);
            entry.Most = entry.Total * entry.Weight * (entry.LanguageRow is { } row ? row[symbols] : bonus);
            candidates.Add(new Candidate((entry.BlankStays + entry.LabelStays) * entry.Weight, i, -1));
        }
    }

    /// <summary>The labels, in order of probability, with which an entry that gives at most so much can reach the beam.</summary>
    private int CollectLikely(double most)
    {
        var (count, threshold) = (0, candidates.Threshold);
        for (var symbol = 0; symbol < symbols; symbol++)
        {
            if (!(probabilities[symbol] > 0 && most * probabilities[symbol] >= threshold) || symbol == options.Blank)
                continue;
            var place = count++;
            for (; place > 0 && probabilities[symbol] > probabilities[likely[place - 1]]; place--)
                likely[place] = likely[place - 1];
            likely[place] = symbol;
        }
        return count;
    }

    private void CollectExtensions(int place, int count)
    {
        ref readonly var entry = ref beam[place];
        for (var i = 0; i < count; i++)
        {
            var symbol = likely[i];
            // Symbols come in order of probability: none of the rest can reach the beam.
            if (entry.Most * probabilities[symbol] < candidates.Threshold)
                break;
            if (grownAt[place * symbols + symbol] == step)
                continue;
            var rank = Extension(entry, symbol) * entry.Weight * (entry.LanguageRow is { } row ? row[symbol] : bonus);
            if (rank > 0 && rank >= candidates.Threshold)
                candidates.Add(new Candidate(rank, place, symbol));
        }
    }

    /// <summary>What an entry hands to its prefix followed by a symbol; after itself a symbol needs a blank between (S3).</summary>
    private double Extension(in Entry entry, int symbol) =>
        probabilities[symbol] * (tree[entry.Prefix].Symbol == symbol ? entry.Blank : entry.Total);

    /// <summary>
    /// The candidates become the beam. Probabilities are multiplied by the power of two that brings the largest near 1, and each
    /// entry gets what language model and length make of it relative to the first.
    /// </summary>
    private void TakeUp(ReadOnlySpan<Candidate> chosen)
    {
        for (var i = 0; i < beamCount; i++)
            tree[beam[i].Prefix].Place = -1;
        var largest = 0.0;
        for (var i = 0; i < chosen.Length; i++)
        {
            ref readonly var from = ref beam[chosen[i].Entry];
            ref var to = ref next[i];
            (to.Prefix, to.Blank, to.Label) =
                chosen[i].Symbol < 0
                    ? (from.Prefix, from.BlankStays, from.LabelStays)
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
            tree[entry.Prefix].Place = i;
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

    /// <summary>e^(weight * log p(symbol | state) + bonus) for every label, and behind them the largest.</summary>
    private double[] LanguageRow(int state)
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

        /// <summary>Probability of all alignments that end in the blank, up to the common scale.</summary>
        public double Blank;

        /// <summary>The same of those that end in the last label.</summary>
        public double Label;

        /// <summary>What language model and length make of it.</summary>
        public double Weight;

        /// <summary>Of the current frame: both probabilities if the prefix does not grow.</summary>
        public double BlankStays,
            LabelStays;

        /// <summary>Of the current frame: the largest rank that it can give to a longer one, for a symbol of probability 1.</summary>
        public double Most;

        /// <summary>What the language model makes of each next label.</summary>
        public double[]? LanguageRow;

        public readonly double Total => Blank + Label;
    }
}
