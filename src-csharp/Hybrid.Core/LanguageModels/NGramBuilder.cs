namespace Hybrid.Core;

/// <summary>Gathers the n-grams of a model, the histories before what follows them.</summary>
/// <param name="symbols">Symbols that there are; the marks of start and end are the two numbers behind them.</param>
/// <param name="order">The longest n-grams.</param>
internal sealed class NGramBuilder(int symbols, int order)
{
    // Node 0 is the empty n-gram.
    private readonly List<Node> nodes = [new Node(-1, -1, 0, 0, 0)];
    private readonly Dictionary<(int Node, int Token), int> children = [];

    public int Symbols => symbols;

    public int Order => order;

    public int Start => symbols;

    public int End => symbols + 1;

    public double LogProbability(int node) => nodes[node].LogProbability;

    public double Backoff(int node) => nodes[node].Backoff;

    public void SetBackoff(int node, double value) => nodes[node] = nodes[node] with { Backoff = value };

    /// <exception cref="FormatException">The history is missing, or the n-gram is there already.</exception>
    public void Add(ReadOnlySpan<int> tokens, double logProbability, double backoff)
    {
        var parent = Find(tokens[..^1]) ?? throw new FormatException("its history is no n-gram of the model");
        if (!children.TryAdd((parent, tokens[^1]), nodes.Count))
            throw new FormatException("it occurs twice");
        // Rounding may have brought a sum of shares above one.
        nodes.Add(new Node(parent, tokens[^1], tokens.Length, Math.Min(0, logProbability), backoff));
    }

    /// <summary>The node of an n-gram; null where it is missing.</summary>
    public int? Find(ReadOnlySpan<int> tokens)
    {
        var node = 0;
        foreach (var token in tokens)
            if (!children.TryGetValue((node, token), out node))
                return null;
        return node;
    }

    /// <summary>The model: n-grams by length, those of a length by their history's place, those of a history by their last token.</summary>
    public NGramModel Build()
    {
        var (sorted, places) = (new List<Node> { nodes[0] }, new int[nodes.Count]);
        var byLength = Enumerable.Range(1, nodes.Count - 1).ToLookup(node => nodes[node].Length);
        for (var length = 1; length <= order; length++)
        {
            foreach (
                var node in byLength[length]
                    .OrderBy(node => places[nodes[node].Parent])
                    .ThenBy(node => nodes[node].Token)
            )
            {
                places[node] = sorted.Count;
                sorted.Add(nodes[node]);
            }
        }
        var counts = new int[sorted.Count(node => node.Length < order)];
        foreach (var node in sorted.Skip(1))
            counts[places[node.Parent]]++;
        return new NGramModel(
            symbols,
            [.. sorted.Select(node => node.Token)],
            [.. sorted.Select(node => node.LogProbability)],
            [.. sorted.Take(counts.Length).Select(node => node.Backoff)],
            counts
        );
    }

    /// <param name="Parent">The n-gram without its last token.</param>
    /// <param name="Token">The last token.</param>
    /// <param name="Length">How many tokens.</param>
    /// <param name="LogProbability">Of the last token after the others.</param>
    /// <param name="Backoff">Logarithm of what is left for tokens not seen after it.</param>
    private readonly record struct Node(int Parent, int Token, int Length, double LogProbability, double Backoff);
}
