namespace Hybrid.Core;

/// <summary>A label sequence with the probability that a search has collected for it.</summary>
/// <param name="Labels">The labels.</param>
/// <param name="LogProbability">Its natural logarithm, at most 0.</param>
public sealed record ScoredLabels(IReadOnlyList<int> Labels, double LogProbability);

/// <summary>
/// Beam search in the classic teaching formulation (CMU 11-785, "Connectionist temporal classification", after Graves 2012):
/// a hypothesis that ends in a blank and one that ends in a symbol are separate entries of the beam, and equal label sequences
/// are merged after the last frame. For work, <see cref="PrefixBeamSearchDecoder"/> merges while it searches and is faster.
/// </summary>
/// <remarks>
/// In every frame each entry is followed by the blank and by every symbol. Of all entries, both kinds together, the
/// <c>width</c> most probable stay; of equally probable ones those that arose earlier, entries ending in blank before entries
/// ending in a symbol, each kind in the order of the entries they came from and of the symbols. Short inputs are searched with
/// probabilities, as textbooks do, long ones with logarithms; both give the same beam up to rounding.
/// </remarks>
public sealed class BeamSearchDecoder
{
    // With 64 frames a probability may fall to 1e-308 only if every frame's is below 1e-4; logarithms take over from there.
    private const int LongestLinear = 64;

    private readonly int width,
        blank;

    /// <summary>A decoder.</summary>
    /// <param name="width">Entries that survive a frame.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <exception cref="ArgumentOutOfRangeException">The width is not 1 to <see cref="PrefixBeamOptions.LargestWidth"/>, or the blank is negative.</exception>
    public BeamSearchDecoder(int width, int blank = 0)
    {
        if (width is < 1 or > PrefixBeamOptions.LargestWidth)
            throw new ArgumentOutOfRangeException(
                nameof(width),
                $"the width is {width}, must be 1 to {PrefixBeamOptions.LargestWidth}"
            );
        if (blank < 0)
            throw new ArgumentOutOfRangeException(nameof(blank), $"the blank is {blank}, must not be negative");
        (this.width, this.blank) = (width, blank);
    }

    /// <summary>All label sequences of the last beam, the most probable first; of equally probable ones the one that arose earlier.</summary>
    /// <exception cref="ArgumentException">The blank is not one of the symbols.</exception>
    public IReadOnlyList<ScoredLabels> Decode(LogProbs logProbs)
    {
        if (blank >= logProbs.V)
            throw new ArgumentException($"blank {blank} is not one of {logProbs.V} symbols", nameof(logProbs));
        return logProbs.T <= LongestLinear ? Search<Linear>(logProbs) : Search<Logarithmic>(logProbs);
    }

    /// <summary>How probabilities are represented, multiplied and added.</summary>
    private interface IScale
    {
        static abstract double One { get; }

        static abstract double FromLog(double logProbability);

        static abstract double ToLog(double score);

        static abstract double Times(double a, double b);

        static abstract double Plus(double a, double b);
    }

    private readonly struct Linear : IScale
    {
        public static double One => 1;

        public static double FromLog(double logProbability) => Math.Exp(logProbability);

        public static double ToLog(double score) => Math.Log(score);

        public static double Times(double a, double b) => a * b;

        public static double Plus(double a, double b) => a + b;
    }

    private readonly struct Logarithmic : IScale
    {
        public static double One => 0;

        public static double FromLog(double logProbability) => logProbability;

        public static double ToLog(double score) => score;

        public static double Times(double a, double b) => a + b;

        public static double Plus(double a, double b) => LogMath.LogAdd(a, b);
    }

    private List<ScoredLabels> Search<TScale>(LogProbs logProbs)
        where TScale : struct, IScale
    {
        var beam = new List<Entry> { new(Labels.Empty, true, TScale.One) };
        for (var t = 0; t < logProbs.T; t++)
        {
            var next = new Entries<TScale>();
            foreach (var entry in beam)
                next.Add(entry.Labels, true, TScale.Times(entry.Score, TScale.FromLog(logProbs[t][blank])));
            foreach (var entry in beam)
            {
                for (var symbol = 0; symbol < logProbs.V; symbol++)
                {
                    if (symbol == blank)
                        continue;
                    // A symbol after itself without a blank between them is the same label going on.
                    var labels =
                        !entry.EndsInBlank && entry.Labels.Last == symbol
                            ? entry.Labels
                            : entry.Labels.Followed(symbol);
                    next.Add(labels, false, TScale.Times(entry.Score, TScale.FromLog(logProbs[t][symbol])));
                }
            }
            beam = [.. next.All.OrderByDescending(entry => entry.Score).Take(width)]; // a stable sort
        }
        var merged = new Entries<TScale>();
        foreach (var entry in beam)
            merged.Add(entry.Labels, true, entry.Score);
        return
        [
            .. merged
                .All.OrderByDescending(entry => entry.Score)
                .Select(entry => new ScoredLabels(entry.Labels.ToArray(), Math.Min(0, TScale.ToLog(entry.Score)))),
        ];
    }

    private readonly record struct Entry(Labels Labels, bool EndsInBlank, double Score);

    /// <summary>Entries in the order in which they arose; the scores of equal ones are added.</summary>
    private sealed class Entries<TScale>
        where TScale : struct, IScale
    {
        private readonly Dictionary<(Labels, bool), int> places = [];
        private readonly List<Entry> entries = [];

        public IEnumerable<Entry> All => entries;

        public void Add(Labels labels, bool endsInBlank, double score)
        {
            if (places.TryAdd((labels, endsInBlank), entries.Count))
                entries.Add(new Entry(labels, endsInBlank, score));
            else
            {
                var place = places[(labels, endsInBlank)];
                entries[place] = entries[place] with { Score = TScale.Plus(entries[place].Score, score) };
            }
        }
    }

    /// <summary>A label sequence that shares its beginning with those it came from.</summary>
    private sealed class Labels : IEquatable<Labels>
    {
        public static readonly Labels Empty = new(null, -1, 0, 17);

        private readonly Labels? before;
        private readonly int length,
            hash;

        private Labels(Labels? before, int last, int length, int hash) =>
            (this.before, Last, this.length, this.hash) = (before, last, length, hash);

        public int Last { get; }

        public Labels Followed(int symbol) => new(this, symbol, length + 1, HashCode.Combine(hash, symbol));

        public int[] ToArray()
        {
            var labels = new int[length];
            for (var node = this; node.before is not null; node = node.before)
                labels[node.length - 1] = node.Last;
            return labels;
        }

        public bool Equals(Labels? other)
        {
            if (other is null || hash != other.hash || length != other.length)
                return false;
            Labels? a = this,
                b = other;
            while (!ReferenceEquals(a, b))
            {
                if (a!.Last != b!.Last)
                    return false;
                (a, b) = (a.before, b.before);
            }
            return true;
        }

        public override bool Equals(object? obj) => Equals(obj as Labels);

        public override int GetHashCode() => hash;
    }
}
