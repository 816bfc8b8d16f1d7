namespace Hybrid.Core;

/// <summary>Collects the n-grams of a model; a history is added before its continuations.</summary>
/// <param name="vocabulary">The tokens.</param>
/// <param name="order">Length of the longest n-grams.</param>
internal sealed class NGramBuilder(NGramVocabulary vocabulary, int order)
{
    // Node 0 is the empty n-gram.
    private readonly List<Node> nodes = [new Node(-1, -1, 0, 0, 0)];
    private readonly Dictionary<(int Node, int Token), int> children = [];

    public NGramVocabulary Vocabulary => vocabulary;

    public int Order => order;

    public double LogProbability(int node) => nodes[node].LogProbability;

    public double Backoff(int node) => nodes[node].Backoff;

    public void SetBackoff(int node, double value) => nodes[node] = nodes[node] with { Backoff = value };

    /// <exception cref="FormatException">The history is missing, or the n-gram is a duplicate.</exception>
    public void Add(ReadOnlySpan<int> tokens, double logProbability, double backoff)
    {
        var parent = Find(tokens[..^1]) ?? throw new FormatException("its history is not an n-gram of the model");
        if (!children.TryAdd((parent, tokens[^1]), nodes.Count))
            throw new FormatException("it is a duplicate");
        // Rounding may bring a sum of probabilities above one.
        nodes.Add(new Node(parent, tokens[^1], tokens.Length, Math.Min(0, logProbability), backoff));
    }

    /// <summary>The node of an n-gram; null if the model lacks it.</summary>
    public int? Find(ReadOnlySpan<int> tokens)
    {
        var node = 0;
        foreach (var token in tokens)
            if (!children.TryGetValue((node, token), out node))
                return null;
        return node;
    }

    /// <summary>
    /// The model: n-grams sorted by length, then by the position of their history, then by their last token.
    /// </summary>
    /// <param name="blank">Index of the blank; -1 if there is none.</param>
    public NGramModel Build(int blank)
    {
        var (sorted, positions) = (new List<Node> { nodes[0] }, new int[nodes.Count]);
        var byLength = Enumerable.Range(1, nodes.Count - 1).ToLookup(node => nodes[node].Length);
        for (var length = 1; length <= order; length++)
        {
            foreach (
                var node in byLength[length]
                    .OrderBy(node => positions[nodes[node].Parent])
                    .ThenBy(node => nodes[node].Token)
            )
            {
                positions[node] = sorted.Count;
                sorted.Add(nodes[node]);
            }
        }
        var counts = new int[sorted.Count(node => node.Length < order)];
        foreach (var node in sorted.Skip(1))
            counts[positions[node.Parent]]++;
        return new NGramModel(
            vocabulary,
            blank,
            [.. sorted.Select(node => node.Token)],
            [.. sorted.Select(node => node.LogProbability)],
            [.. sorted.Take(counts.Length).Select(node => node.Backoff)],
            counts
        );
    }

    /// <summary>An n-gram.</summary>
    /// <param name="Parent">The node of its history: the n-gram without its last token.</param>
    /// <param name="Token">The last token.</param>
    /// <param name="Length">Number of tokens.</param>
    /// <param name="LogProbability">Natural log probability of the last token given the history.</param>
    /// <param name="Backoff">Natural log of the back-off weight.</param>
    private readonly record struct Node(int Parent, int Token, int Length, double LogProbability, double Backoff);
}
