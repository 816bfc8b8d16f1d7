using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// An n-gram model of label sequences with back-off (Katz 1987), as ARPA files hold it. All probabilities are natural
/// logarithms here; ARPA text has them to base 10.
/// </summary>
/// <remarks>
/// A history is known by its state: the longest of its ends that the model has seen. Walking from state to state gives the
/// same probabilities as looking every n-gram up. The n-grams are a tree in arrays: a node is an n-gram, node 0 the empty one, its
/// children are the n-grams longer by one token, side by side and in order of that token; shorter n-grams come before longer ones.
/// </remarks>
public sealed partial class NGramModel
{
    /// <summary>The mark before the first label.</summary>
    public const string SentenceStart = "<s>";

    /// <summary>The mark behind the last label.</summary>
    public const string SentenceEnd = "</s>";

    /// <summary>The longest n-grams that a file may have.</summary>
    internal const int LongestOrder = 16;

    private readonly int[] tokens;
    private readonly double[] logProbabilities;

    // Of the nodes shorter than the order alone; the longest have no children and are no states.
    private readonly double[] backoffs;
    private readonly int[] firstChildren;

    // For each node the longest of its ends, itself aside, that the model has.
    private readonly int[] suffixes;

    // The first node of each length, and behind them the number of nodes.
    private readonly List<int> lengths = [0];
    private readonly int start,
        end;

    /// <param name="symbols">Symbols that have a probability.</param>
    /// <param name="tokens">The last token of each node; -1 for the empty one.</param>
    /// <param name="logProbabilities">Of each node's last token after the others.</param>
    /// <param name="backoffs">Of each node shorter than the order: logarithm of what is left for tokens not seen after it.</param>
    /// <param name="children">How many children each of these has.</param>
    /// <exception cref="FormatException">They are no tree.</exception>
    internal NGramModel(int symbols, int[] tokens, double[] logProbabilities, double[] backoffs, int[] children)
    {
        (Symbols, start, end) = (symbols, symbols, symbols + 1);
        (this.tokens, this.logProbabilities, this.backoffs) = (tokens, logProbabilities, backoffs);
        firstChildren = FirstChildren(children, tokens.Length);
        // A length that nothing has ends the tree, though nodes behind it may claim children.
        for (var next = 1; next <= children.Length && next != lengths[^1]; next = firstChildren[next])
            lengths.Add(next);
        if (lengths[^1] != children.Length || lengths.Count > LongestOrder + 1)
            throw new FormatException(
                $"the first {children.Length - 1} n-grams have children: these are not all n-grams of 1 to at most {LongestOrder - 1} tokens"
            );
        Order = lengths.Count - 1;
        lengths.Add(tokens.Length);
        suffixes = new int[tokens.Length];
        for (var parent = 0; parent < children.Length; parent++)
            LinkChildren(parent);
        StartState = Order > 1 ? Child(0, start) : 0;
    }

    /// <summary>Symbols that have a probability, the blank's place included.</summary>
    public int Symbols { get; }

    /// <summary>The longest n-grams.</summary>
    public int Order { get; }

    /// <summary>The state before the first label.</summary>
    public int StartState { get; }

    /// <summary>How many n-grams there are of a length.</summary>
    public int Count(int length) => length >= 1 && length <= Order ? lengths[length + 1] - lengths[length] : 0;

    /// <summary>log p(symbol | state), and the state after it.</summary>
    public (double LogProbability, int State) Next(int state, int symbol)
    {
        if ((uint)symbol >= (uint)Symbols)
            throw new ArgumentOutOfRangeException(nameof(symbol), symbol, $"the model knows symbols 0..{Symbols - 1}");
        return Walk(state, symbol);
    }

    /// <summary>log p(end | state).</summary>
    public double End(int state) => Walk(state, end).LogProbability;

    /// <summary>log p(labels) with both ends.</summary>
    public double LogProbability(IEnumerable<int> labels)
    {
        var (sum, state) = (0.0, StartState);
        foreach (var label in labels)
        {
            var (logProbability, next) = Next(state, label);
            (sum, state) = (sum + logProbability, next);
        }
        return sum + End(state);
    }

    /// <summary>Reads ARPA text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="symbols">Names of the symbols by index; the blank's is empty.</param>
    /// <exception cref="FormatException">A line is malformed or names an unknown symbol; the message has its number.</exception>
    public static NGramModel Read(TextReader text, IReadOnlyList<string> symbols) =>
        new ArpaReader(text, symbols).Read();

    /// <summary>Writes ARPA text.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="symbols">Names of the symbols by index.</param>
    public void Write(TextWriter text, IReadOnlyList<string> symbols)
    {
        string Name(int token) =>
            token == start ? SentenceStart
            : token == end ? SentenceEnd
            : symbols[token];
        string Log10(double value) =>
            double.IsNegativeInfinity(value)
                ? "-99"
                : (value / Math.Log(10)).ToString("0.0#######", CultureInfo.InvariantCulture);

        var parents = new int[tokens.Length];
        for (var parent = 0; parent < backoffs.Length; parent++)
            parents.AsSpan(firstChildren[parent]..firstChildren[parent + 1]).Fill(parent);
        string Spell(int node) =>
            parents[node] == 0 ? Name(tokens[node]) : $"{Spell(parents[node])} {Name(tokens[node])}";

        text.Write("\\data\\\n");
        for (var length = 1; length <= Order; length++)
            text.Write($"ngram {length}={Count(length).ToString(CultureInfo.InvariantCulture)}\n");
        for (var length = 1; length <= Order; length++)
        {
            text.Write($"\n\\{length.ToString(CultureInfo.InvariantCulture)}-grams:\n");
            for (var node = lengths[length]; node < lengths[length + 1]; node++)
            {
                var backoff = length < Order && backoffs[node] != 0 ? $"\t{Log10(backoffs[node])}" : "";
                text.Write($"{Log10(logProbabilities[node])}\t{Spell(node)}{backoff}\n");
            }
        }
        text.Write("\n\\end\\\n");
    }

    /// <summary>
    /// Estimates a model from label sequences by interpolated Kneser-Ney smoothing (Kneser and Ney 1995; Chen and Goodman 1998,
    /// with one discount n1 / (n1 + 2 n2) for each length). Derivation: NGramModel.md.
    /// </summary>
    /// <param name="sequences">Label sequences.</param>
    /// <param name="symbols">Symbols that there are, 1 to 65 536.</param>
    /// <param name="order">The longest n-grams, 1 to 8.</param>
    /// <param name="blank">Index of the blank, which gets no probability.</param>
    /// <exception cref="ArgumentException">There are no sequences, or a label, the order or the number of symbols is out of range.</exception>
    public static NGramModel Estimate(IEnumerable<int[]> sequences, int symbols, int order, int blank = 0)
    {
        if (order is < 1 or > 8)
            throw new ArgumentOutOfRangeException(nameof(order), $"the order is {order}, must be 1 to 8");
        if (symbols is < 1 or > LogProbs.MostSymbols)
            throw new ArgumentOutOfRangeException(
                nameof(symbols),
                $"there are {symbols} symbols, must be 1 to {LogProbs.MostSymbols}"
            );
        var model = new NGramBuilder(symbols, order);
        new KneserNey(model, blank).Fill(sequences);
        return model.Build();
    }

    /// <summary>Where the children of each node begin, and behind them where the last ones end.</summary>
    private static int[] FirstChildren(int[] children, int nodes)
    {
        var (first, next) = (new int[children.Length + 1], 1L);
        for (var node = 0; node < children.Length; next += children[node++])
        {
            if (children[node] < 0 || next + children[node] > nodes)
                throw new FormatException($"{nodes - 1} n-grams are fewer than their histories have children");
            first[node] = (int)next;
        }
        if (next != nodes)
            throw new FormatException($"{nodes - 1} n-grams are more than their histories have children");
        first[^1] = nodes;
        return first;
    }

    /// <summary>Links a node's children with themselves without their first token; those of shorter nodes are linked already.</summary>
    private void LinkChildren(int parent)
    {
        for (var node = firstChildren[parent]; node < firstChildren[parent + 1]; node++)
        {
            var token = tokens[node];
            if ((uint)token > (uint)end || node > firstChildren[parent] && token <= tokens[node - 1])
                throw new FormatException(
                    $"token {token} of n-gram {node} is not one of 0..{end}, or not above the one before it"
                );
            if (parent == 0)
                continue;
            // The longest end of the history that can be followed by the token.
            var history = suffixes[parent];
            while (history != 0 && Child(history, token) == 0)
                history = suffixes[history];
            suffixes[node] = Child(history, token);
        }
    }

    /// <summary>The node of an n-gram and a token behind it; 0, which is nobody's child, where there is none.</summary>
    private int Child(int node, int token)
    {
        var (low, high) = (firstChildren[node], firstChildren[node + 1] - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (tokens[middle] == token)
                return middle;
            if (tokens[middle] < token)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return 0;
    }

    private (double LogProbability, int State) Walk(int state, int token)
    {
        var backoff = 0.0;
        int child;
        for (; (child = Child(state, token)) == 0; state = suffixes[state])
        {
            // Not even alone: an event that the model holds for impossible.
            if (state == 0)
                return (double.NegativeInfinity, 0);
            backoff += backoffs[state];
        }
        // The state remembers at most Order - 1 labels.
        return (backoff + logProbabilities[child], child < backoffs.Length ? child : suffixes[child]);
    }
}
