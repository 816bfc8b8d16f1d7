namespace Hybrid.Core;

/// <summary>Estimates a model by interpolated Kneser-Ney smoothing. Derivation: NGramModel.md.</summary>
/// <param name="model">Receives the n-grams.</param>
/// <param name="blank">Index of the blank symbol, which gets no probability.</param>
internal sealed class KneserNey(NGramBuilder model, int blank)
{
    // Used if no n-gram occurs once, or none twice.
    private const double DefaultDiscount = 0.5;

    private readonly NGramVocabulary vocabulary = model.Vocabulary;
    private readonly List<Dictionary<Gram, int>> counts =
    [
        .. Enumerable.Range(0, model.Order).Select(_ => new Dictionary<Gram, int>()),
    ];

    public void Fill(IEnumerable<int[]> sequences)
    {
        var any = false;
        foreach (var sequence in sequences)
        {
            foreach (var label in sequence)
                if ((uint)label >= (uint)vocabulary.Symbols || label == blank)
                    throw new ArgumentException(
                        $"label {label} is the blank or not in 0..{vocabulary.Symbols - 1}",
                        nameof(sequences)
                    );
            int[] tokens = [vocabulary.Start, .. sequence, vocabulary.End];
            // The longest n-grams count their occurrences, as do shorter ones that begin with the start mark.
            for (var i = 1; i < tokens.Length; i++)
            for (var length = 1; length <= model.Order && length <= i + 1; length++)
                if (length == model.Order || length == i + 1)
                    Count(length, tokens.AsSpan(i + 1 - length, length));
            any = true;
        }
        if (!any)
            throw new ArgumentException("there are no sequences to estimate a model from", nameof(sequences));
        // Shorter n-grams count their different left neighbours (K1).
        for (var length = model.Order; length > 1; length--)
            foreach (var gram in counts[length - 1].Keys)
                Count(length - 1, gram.Tokens.AsSpan(1));

        AddUnigrams();
        for (var length = 2; length <= model.Order; length++)
            AddLonger(length);
    }

    private void Count(int length, ReadOnlySpan<int> tokens)
    {
        var gram = new Gram(tokens.ToArray());
        counts[length - 1][gram] = counts[length - 1].GetValueOrDefault(gram) + 1;
    }

    /// <summary>The absolute discount of n-grams of a length, n1 / (n1 + 2 n2) (K2).</summary>
    private double Discount(int length)
    {
        double once = counts[length - 1].Values.Count(count => count == 1),
            twice = counts[length - 1].Values.Count(count => count == 2);
        return once > 0 && twice > 0 ? once / (once + 2 * twice) : DefaultDiscount;
    }

    /// <summary>
    /// Adds the unigrams, interpolated with the uniform distribution over labels and the end mark (K3).
    /// </summary>
    private void AddUnigrams()
    {
        var unigrams = counts[0].Where(pair => pair.Key.Tokens[0] != vocabulary.Start).ToDictionary();
        double total = unigrams.Values.Sum(),
            discount = Discount(1),
            left = discount * unigrams.Count / total;
        var possible = Enumerable
            .Range(0, vocabulary.Symbols)
            .Where(symbol => symbol != blank)
            .Append(vocabulary.End)
            .ToList();
        foreach (var token in possible)
        {
            var count = unigrams.GetValueOrDefault(new Gram([token]));
            model.Add([token], Math.Log(Math.Max(0, count - discount) / total + left / possible.Count), 0);
        }
        model.Add([vocabulary.Start], double.NegativeInfinity, 0);
    }

    private void AddLonger(int length)
    {
        var discount = Discount(length);
        foreach (
            var group in counts[length - 1].GroupBy(pair => new Gram(pair.Key.Tokens[..^1])).OrderBy(group => group.Key)
        )
        {
            var history = model.Find(group.Key.Tokens)!.Value;
            double total = group.Sum(pair => pair.Value);
            var left = discount * group.Count() / total; // K4
            model.SetBackoff(history, Math.Log(left));
            foreach (var (gram, count) in group.OrderBy(pair => pair.Key))
            {
                var shorter = Math.Exp(Probability(gram.Tokens.AsSpan(1)));
                model.Add(gram.Tokens, Math.Log((count - discount) / total + left * shorter), 0); // K5
            }
        }
    }

    /// <summary>log p of the last token given the others, from the n-grams added so far.</summary>
    private double Probability(ReadOnlySpan<int> tokens)
    {
        if (model.Find(tokens) is { } node)
            return model.LogProbability(node);
        var backoff = model.Find(tokens[..^1]) is { } history ? model.Backoff(history) : 0;
        return backoff + Probability(tokens[1..]);
    }

    /// <summary>An n-gram with value equality, ordered token by token.</summary>
    private sealed class Gram(int[] tokens) : IEquatable<Gram>, IComparable<Gram>
    {
        public int[] Tokens { get; } = tokens;

        public bool Equals(Gram? other) => other is not null && Tokens.AsSpan().SequenceEqual(other.Tokens);

        public override bool Equals(object? obj) => Equals(obj as Gram);

        public int CompareTo(Gram? other) => other is null ? 1 : Tokens.AsSpan().SequenceCompareTo(other.Tokens);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var token in Tokens)
                hash.Add(token);
            return hash.ToHashCode();
        }
    }
}
