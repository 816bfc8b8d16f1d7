namespace Hybrid.Core;

/// <summary>
/// CTC beam search in the classic teaching formulation (CMU 11-785, "Connectionist temporal classification", after
/// Graves 2012). Hypotheses ending in a blank and hypotheses ending in a symbol are separate beam entries; equal label
/// sequences are merged after the last frame. <see cref="PrefixBeamSearchDecoder"/> merges during the search and is
/// faster.
/// </summary>
/// <remarks>
/// In each frame every entry is extended by the blank and by every symbol. Before each further frame the beam is pruned
/// to the <c>width</c> most probable entries of both kinds together. The extensions of the last frame are merged
/// without pruning. Ties are broken by order of creation: entries ending in a blank before entries ending in a symbol,
/// each kind in the order of their parents, then of their symbols. The acoustic score of a hypothesis is the log
/// probability found for its labels; their times and confidences are those of the best alignment
/// (<see cref="CtcAligner"/>), computed when they are first read. Inputs of up to 64 frames are searched with
/// probabilities, as in textbooks, longer inputs with logarithms; both give the same result up to rounding.
/// </remarks>
public sealed class BeamSearchDecoder
{
    // In 64 frames a product falls to 1e-308 only if the probabilities are below 1e-4 on average; longer inputs use
    // logarithms.
    private const int LongestLinear = 64;

    private readonly int width,
        blank;

    /// <summary>Creates a decoder.</summary>
    /// <param name="width">Beam width: entries kept before each further frame.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The width is not 1 to <see cref="PrefixBeamOptions.LargestWidth"/>, or the blank is negative.
    /// </exception>
    public BeamSearchDecoder(int width, int blank = 0)
    {
        if (width is < 1 or > PrefixBeamOptions.LargestWidth)
            throw new ArgumentOutOfRangeException(
                nameof(width),
                $"the beam width is {width}, must be 1 to {PrefixBeamOptions.LargestWidth}"
            );
        if (blank < 0)
            throw new ArgumentOutOfRangeException(nameof(blank), $"the blank is {blank}, must not be negative");
        (this.width, this.blank) = (width, blank);
    }

    /// <summary>
    /// Decodes one utterance. Returns every label sequence among the extensions of the last frame, in descending order
    /// of probability, without those of probability 0; ties are in order of creation.
    /// </summary>
    /// <param name="logProbs">[T, V]. With no frames the result is the empty sequence with log probability 0.</param>
    /// <exception cref="ArgumentException">The blank is not one of the symbols.</exception>
    public IReadOnlyList<Hypothesis> Decode(LogProbs logProbs)
    {
        if (blank >= logProbs.V)
            throw new ArgumentException($"blank {blank} is not one of {logProbs.V} symbols", nameof(logProbs));
        return logProbs.T <= LongestLinear ? Search<Linear>(logProbs) : Search<Logarithmic>(logProbs);
    }

    /// <summary>Representation of probabilities: linear or logarithmic.</summary>
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

    private List<Hypothesis> Search<TScale>(LogProbs logProbs)
        where TScale : struct, IScale
    {
        List<Entry> beam = [new(Labels.Empty, true, TScale.One)];
        for (var t = 0; t < logProbs.T; t++)
        {
            // Pruned before each further frame, not after the last one.
            if (beam.Count > width)
                beam = [.. beam.OrderByDescending(entry => entry.Score).Take(width)]; // a stable sort
            var next = new Entries<TScale>();
            foreach (var entry in beam)
                next.Add(entry.Labels, true, TScale.Times(entry.Score, TScale.FromLog(logProbs[t][blank])));
            foreach (var entry in beam)
            {
                for (var symbol = 0; symbol < logProbs.V; symbol++)
                {
                    if (symbol == blank)
                        continue;
                    // A repeated symbol without a blank between is the same label.
                    var labels =
                        !entry.EndsInBlank && entry.Labels.Last == symbol ? entry.Labels : entry.Labels.Append(symbol);
                    next.Add(labels, false, TScale.Times(entry.Score, TScale.FromLog(logProbs[t][symbol])));
                }
            }
            beam = next.All;
        }
        var merged = new Entries<TScale>();
        foreach (var entry in beam)
            merged.Add(entry.Labels, true, entry.Score);
        return
        [
            .. merged
                .All.Where(entry => !double.IsNegativeInfinity(TScale.ToLog(entry.Score)))
                .OrderByDescending(entry => entry.Score)
                .Select(entry => new Hypothesis(
                    new AlignedLabels(logProbs, entry.Labels.ToArray(), blank),
                    Math.Min(0, TScale.ToLog(entry.Score))
                )),
        ];
    }

    private readonly record struct Entry(Labels Labels, bool EndsInBlank, double Score);

    /// <summary>Entries in order of creation; the scores of equal entries are added.</summary>
    private sealed class Entries<TScale>
        where TScale : struct, IScale
    {
        private readonly Dictionary<(Labels, bool), int> indices = [];
        private readonly List<Entry> entries = [];

        public List<Entry> All => entries;

        public void Add(Labels labels, bool endsInBlank, double score)
        {
            if (indices.TryAdd((labels, endsInBlank), entries.Count))
                entries.Add(new Entry(labels, endsInBlank, score));
            else
            {
                var index = indices[(labels, endsInBlank)];
                entries[index] = entries[index] with { Score = TScale.Plus(entries[index].Score, score) };
            }
        }
    }

    /// <summary>A label sequence as a linked list, last label first; sequences share their prefixes.</summary>
    private sealed class Labels : IEquatable<Labels>
    {
        public static readonly Labels Empty = new(null, -1, 0, 17);

        private readonly Labels? prefix;
        private readonly int length,
            hash;

        private Labels(Labels? prefix, int last, int length, int hash) =>
            (this.prefix, Last, this.length, this.hash) = (prefix, last, length, hash);

        public int Last { get; }

        public Labels Append(int symbol) => new(this, symbol, length + 1, HashCode.Combine(hash, symbol));

        public int[] ToArray()
        {
            var labels = new int[length];
            for (var node = this; node.prefix is not null; node = node.prefix)
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
                (a, b) = (a.prefix, b.prefix);
            }
            return true;
        }

        public override bool Equals(object? obj) => Equals(obj as Labels);

        public override int GetHashCode() => hash;
    }
}
