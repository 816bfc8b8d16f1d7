namespace Hybrid.Core;

/// <summary>
/// The state of a prefix beam search in the middle of an utterance. Any way of cutting the frames gives the same result;
/// states are independent of each other, and each belongs to one thread at a time.
/// </summary>
public sealed class PrefixBeamSearch
{
    private const int Root = 0;
    private const int PruneTreeAbove = 1 << 16;

    // e to this is still a number, also after a probability has been multiplied with it.
    private const double LargestLogWeight = 600;

    private readonly PrefixBeamOptions options;
    // Null also where its weight is 0: then not even what it holds for impossible counts.
    private readonly NGramModel? languageModel;
    private readonly List<float> history = [];
    private readonly PriorityBuffer candidates;
    private readonly Dictionary<int, double[]> languageRows = [];

    // The tree of all prefixes that were ever in the beam.
    private List<Prefix> tree = [new Prefix(-1, -1, 0, 0, 0)];
    private Dictionary<(int Prefix, int Symbol), int> children = [];
    private int[] placeInBeam = new int[1024];
    private int pruneTreeAbove = PruneTreeAbove;

    private Entry[] beam, next;
    private int beamCount = 1;
    private double logScale;
    private int symbols = -1;
    private double[] probabilities = [];
    private int[] order = [];

    internal PrefixBeamSearch(PrefixBeamOptions options)
    {
        this.options = options;
        languageModel = options.LanguageModelWeight == 0 ? null : options.LanguageModel;
        candidates = new PriorityBuffer(options.Width);
        (beam, next) = (new Entry[options.Width], new Entry[options.Width]);
        Array.Fill(placeInBeam, -1);
        tree[Root] = tree[Root] with { LanguageState = languageModel?.StartState ?? 0 };
        beam[0] = new Entry(Root, 1, 0, 1);
        placeInBeam[Root] = 0;
    }

    /// <summary>Frames taken in so far.</summary>
    public int Frames => symbols < 0 ? 0 : history.Count / symbols;

    /// <summary>Takes in more frames.</summary>
    /// <exception cref="ArgumentException">The frames have other symbols than those before, or the blank or the language model does not fit them.</exception>
    public void Append(LogProbs logProbs)
    {
        if (symbols < 0) Begin(logProbs.V);
        if (logProbs.V != symbols) throw new ArgumentException($"these frames have {logProbs.V} symbols, those before had {symbols}", nameof(logProbs));
        history.AddRange(logProbs.Data.Span);
        for (var t = 0; t < logProbs.T; t++) Step(logProbs[t]);
    }

    /// <summary>The best hypotheses of the frames so far, the best first. More frames may follow.</summary>
    public IReadOnlyList<Hypothesis> Finish()
    {
        var logProbs = symbols < 0 ? null : LogProbs.FromLogProbabilities(history.ToArray(), Frames, symbols);
        var aligner = new CtcAligner(options.Blank);
        return [.. Enumerable.Range(0, beamCount)
            .Select(i => (Entry: beam[i], Scores: Scores(beam[i])))
            .Where(scored => !double.IsNegativeInfinity(scored.Scores.Acoustic))
            .OrderByDescending(scored => scored.Scores.Acoustic + scored.Scores.Language + scored.Scores.Bonus)
            .Take(options.Best)
            .Select(scored => new Hypothesis(logProbs is null ? [] : aligner.Align(logProbs, Labels(scored.Entry.Prefix)).Labels, scored.Scores.Acoustic, scored.Scores.Language, scored.Scores.Bonus))];
    }

    private void Begin(int count)
    {
        if (options.Blank >= count) throw new ArgumentException($"blank {options.Blank} is not one of {count} symbols");
        if (options.LanguageModel is { } model && model.Symbols != count) throw new ArgumentException($"the language model knows {model.Symbols} symbols, the frames have {count}");
        symbols = count;
        probabilities = new double[count];
        order = [.. Enumerable.Range(0, count).Where(symbol => symbol != options.Blank)];
    }

    private void Step(ReadOnlySpan<float> frame)
    {
        Exponentiate(frame);
        candidates.Clear();
        var extensible = CollectStays();
        for (var i = 0; i < extensible; i++) CollectExtensions(i);

        var chosen = candidates.Sorted();
        for (var i = 0; i < beamCount; i++) placeInBeam[beam[i].Prefix] = -1;
        var best = 0.0;
        for (var i = 0; i < chosen.Length; i++)
        {
            var candidate = chosen[i];
            next[i] = candidate.Symbol < 0
                ? beam[candidate.Entry] with { Blank = stays[candidate.Entry].Blank, Label = stays[candidate.Entry].Label }
                : new Entry(Child(beam[candidate.Entry].Prefix, candidate.Symbol), 0, Extension(candidate.Entry, candidate.Symbol), 0);
            best = Math.Max(best, next[i].Total);
        }
        (beam, next, beamCount) = (next, beam, chosen.Length);
        Rescale(best);
        if (tree.Count > pruneTreeAbove) PruneTree();
        for (var i = 0; i < beamCount; i++) placeInBeam[beam[i].Prefix] = i;
    }

    /// <summary>Probabilities of the frame; zero for symbols that are not considered. Labels in order of probability.</summary>
    private void Exponentiate(ReadOnlySpan<float> frame)
    {
        for (var v = 0; v < symbols; v++) probabilities[v] = Math.Exp(frame[v]);
        if (options.TopSymbols > 0 && options.TopSymbols < symbols || options.ProbabilityMass < 1)
        {
            var ranked = Enumerable.Range(0, symbols).OrderByDescending(v => probabilities[v]).ToArray();
            var mass = 0.0;
            for (var i = 0; i < symbols; i++)
            {
                var considered = (options.TopSymbols == 0 || i < options.TopSymbols) && mass < options.ProbabilityMass;
                mass += probabilities[ranked[i]];
                if (!considered) probabilities[ranked[i]] = 0;
            }
        }
        // Insertion sort: the order changes little from frame to frame.
        for (var i = 1; i < order.Length; i++)
        {
            var symbol = order[i];
            var j = i;
            for (; j > 0 && IsBefore(symbol, order[j - 1]); j--) order[j] = order[j - 1];
            order[j] = symbol;
        }

        bool IsBefore(int a, int b) => probabilities[a] > probabilities[b] || probabilities[a] == probabilities[b] && a < b;
    }

    // What each entry's prefix has after the frame without growing (S1, S2), and which of its children are in the beam themselves.
    private (double Blank, double Label)[] stays = [];
    private readonly HashSet<(int Entry, int Symbol)> grown = [];

    private int CollectStays()
    {
        if (stays.Length < beam.Length) stays = new (double, double)[beam.Length];
        grown.Clear();
        for (var i = 0; i < beamCount; i++)
        {
            var (entry, prefix) = (beam[i], tree[beam[i].Prefix]);
            var label = prefix.Symbol < 0 ? 0 : entry.Label * probabilities[prefix.Symbol];
            if (prefix.Parent >= 0 && placeInBeam[prefix.Parent] is >= 0 and var parent)
            {
                label += Extension(parent, prefix.Symbol);
                grown.Add((parent, prefix.Symbol));
            }
            stays[i] = (entry.Total * probabilities[options.Blank], label);
            candidates.Add(new Candidate((stays[i].Blank + label) * entry.Weight, i, -1));
        }
        return beamCount;
    }

    private void CollectExtensions(int place)
    {
        var entry = beam[place];
        var row = languageModel is null ? null : LanguageRow(tree[entry.Prefix].LanguageState);
        var bonus = row is null ? Math.Exp(options.LengthBonus) : 1;
        var most = entry.Total * entry.Weight * (row is null ? bonus : row[symbols]);
        foreach (var symbol in order)
        {
            // Symbols come in order of probability: none of the rest can reach the beam.
            if (most * probabilities[symbol] < candidates.Threshold || probabilities[symbol] == 0) break;
            if (grown.Contains((place, symbol))) continue;
            var rank = Extension(place, symbol) * entry.Weight * (row is null ? bonus : row[symbol]);
            if (rank > 0 && rank >= candidates.Threshold) candidates.Add(new Candidate(rank, place, symbol));
        }
    }

    /// <summary>What an entry hands to its prefix followed by a symbol; after itself a symbol needs a blank between (S3).</summary>
    private double Extension(int place, int symbol) =>
        probabilities[symbol] * (tree[beam[place].Prefix].Symbol == symbol ? beam[place].Blank : beam[place].Total);

    /// <summary>e^(weight * log p(symbol | state) + bonus) for every symbol, and behind them the largest.</summary>
    private double[] LanguageRow(int state)
    {
        if (languageRows.TryGetValue(state, out var row)) return row;
        row = new double[symbols + 1];
        foreach (var symbol in order)
        {
            row[symbol] = Math.Exp(options.LanguageModelWeight * languageModel!.Next(state, symbol).LogProbability + options.LengthBonus);
            row[symbols] = Math.Max(row[symbols], row[symbol]);
        }
        return languageRows[state] = row;
    }

    private int Child(int prefix, int symbol)
    {
        if (children.TryGetValue((prefix, symbol), out var child)) return child;
        child = tree.Count;
        var (language, state) = languageModel?.Next(tree[prefix].LanguageState, symbol) ?? (0, 0);
        tree.Add(new Prefix(prefix, symbol, tree[prefix].Length + 1, tree[prefix].Language + language, state));
        children[(prefix, symbol)] = child;
        if (placeInBeam.Length <= child)
        {
            var length = placeInBeam.Length;
            Array.Resize(ref placeInBeam, 2 * length);
            placeInBeam.AsSpan(length).Fill(-1);
        }
        return child;
    }

    /// <summary>
    /// Brings the largest probability back to 1, so that none underflows, and gives each entry what language model and length
    /// make of it relative to the first.
    /// </summary>
    private void Rescale(double best)
    {
        if (beamCount == 0 || best == 0) return;
        logScale += Math.Log(best);
        var reference = LogWeight(beam[0].Prefix);
        for (var i = 0; i < beamCount; i++)
            beam[i] = new Entry(beam[i].Prefix, beam[i].Blank / best, beam[i].Label / best, Math.Exp(Math.Min(LargestLogWeight, LogWeight(beam[i].Prefix) - reference)));
    }

    private double LogWeight(int prefix) =>
        tree[prefix].Length == 0 ? 0 : (languageModel is null ? 0 : options.LanguageModelWeight * tree[prefix].Language) + options.LengthBonus * tree[prefix].Length;

    private (double Acoustic, double Language, double Bonus) Scores(Entry entry)
    {
        var prefix = tree[entry.Prefix];
        var language = languageModel is { } model ? options.LanguageModelWeight * (prefix.Language + model.End(prefix.LanguageState)) : 0;
        return (Math.Min(0, Math.Log(entry.Total) + logScale), language, options.LengthBonus * prefix.Length);
    }

    private int[] Labels(int prefix)
    {
        var labels = new int[tree[prefix].Length];
        for (; prefix != Root; prefix = tree[prefix].Parent) labels[tree[prefix].Length - 1] = tree[prefix].Symbol;
        return labels;
    }

    /// <summary>Forgets prefixes that nothing in the beam begins with, so that long streams take bounded memory.</summary>
    private void PruneTree()
    {
        var kept = new SortedSet<int> { Root };
        for (var i = 0; i < beamCount; i++)
            for (var prefix = beam[i].Prefix; kept.Add(prefix); prefix = tree[prefix].Parent)
            {
            }
        var renamed = kept.Select((old, index) => (old, index)).ToDictionary(pair => pair.old, pair => pair.index);
        tree = [.. kept.Select(old => old == Root ? tree[Root] : tree[old] with { Parent = renamed[tree[old].Parent] })];
        children = Enumerable.Range(1, tree.Count - 1).ToDictionary(child => (tree[child].Parent, tree[child].Symbol));
        for (var i = 0; i < beamCount; i++) beam[i] = beam[i] with { Prefix = renamed[beam[i].Prefix] };
        placeInBeam = new int[2 * Math.Max(1024, tree.Count)];
        Array.Fill(placeInBeam, -1);
        pruneTreeAbove = Math.Max(PruneTreeAbove, 2 * tree.Count);
    }

    /// <param name="Parent">The prefix without its last symbol; -1 for the empty one.</param>
    /// <param name="Symbol">The last symbol; -1 for the empty one.</param>
    /// <param name="Length">Symbols.</param>
    /// <param name="Language">log p of the symbols, the end aside.</param>
    /// <param name="LanguageState">The language model's state behind them.</param>
    private readonly record struct Prefix(int Parent, int Symbol, int Length, double Language, int LanguageState);

    /// <param name="Prefix">Place in the tree.</param>
    /// <param name="Blank">Probability of all alignments that end in the blank, up to the common scale.</param>
    /// <param name="Label">The same of those that end in the last symbol.</param>
    /// <param name="Weight">What language model and length make of it.</param>
    private readonly record struct Entry(int Prefix, double Blank, double Label, double Weight)
    {
        public double Total => Blank + Label;
    }

    /// <param name="Rank">By which candidates compete.</param>
    /// <param name="Entry">The entry it comes from.</param>
    /// <param name="Symbol">The symbol that it grows by; -1 if it stays as it is.</param>
    private readonly record struct Candidate(double Rank, int Entry, int Symbol);

    /// <summary>Keeps the best of all candidates that are added.</summary>
    private sealed class PriorityBuffer(int width) : IComparer<Candidate>
    {
        private Candidate[] items = new Candidate[Math.Max(16, 2 * width)];
        private int count;

        /// <summary>What a candidate must reach; rises as better ones come.</summary>
        public double Threshold { get; private set; }

        public void Clear() => (count, Threshold) = (0, 0);

        public void Add(Candidate candidate)
        {
            if (count == items.Length) KeepBest();
            items[count++] = candidate;
        }

        public ReadOnlySpan<Candidate> Sorted()
        {
            KeepBest();
            return items.AsSpan(0, count);
        }

        // Better rank first; stays before extensions of the same entry, entries and symbols in order.
        public int Compare(Candidate a, Candidate b)
        {
            var byRank = b.Rank.CompareTo(a.Rank);
            if (byRank != 0) return byRank;
            var byEntry = a.Entry.CompareTo(b.Entry);
            return byEntry != 0 ? byEntry : a.Symbol.CompareTo(b.Symbol);
        }

        private void KeepBest()
        {
            Array.Sort(items, 0, count, this);
            if (count < width) return;
            count = width;
            Threshold = items[width - 1].Rank;
        }
    }
}
