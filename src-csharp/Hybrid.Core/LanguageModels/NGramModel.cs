using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// An n-gram language model of label sequences with back-off (Katz 1987), as ARPA files hold it. All probabilities are
/// natural logarithms; those of ARPA text are to base 10. Derivation: NGramModel.md.
/// </summary>
/// <remarks>
/// A state is the longest suffix of the history that the model contains; walking from state to state gives the same
/// probabilities as looking up every n-gram. The n-grams form a tree in arrays. A node is an n-gram, node 0 the empty
/// one. The children of a node, its continuations by one token, are contiguous and sorted by token; shorter n-grams
/// come before longer ones. Instances are immutable and may be used by several threads.
/// </remarks>
public sealed partial class NGramModel
{
    /// <summary>The mark before the first label.</summary>
    public const string SentenceStart = "<s>";

    /// <summary>The mark after the last label.</summary>
    public const string SentenceEnd = "</s>";

    /// <summary>ARPA's names of the unknown label; the first one is written.</summary>
    internal static readonly string[] UnknownNames = ["<unk>", "<UNK>"];

    /// <summary>The largest order of a model that is read.</summary>
    internal const int LongestOrder = 16;

    private readonly NGramVocabulary vocabulary;
    private readonly int[] tokens;
    private readonly double[] logProbabilities;

    // Only for nodes shorter than the order: the longest have no children and are no states.
    private readonly double[] backoffs;
    private readonly int[] firstChildren;

    // For each node, the longest proper suffix that is a node.
    private readonly int[] suffixes;

    // The first node of each length, then the number of nodes.
    private readonly List<int> lengths = [0];

    // For each symbol its own token, or that of the unknown label if no n-gram ends in the symbol.
    private readonly int[] tokenOfSymbol;

    // The token of the end, or that of the unknown label if no n-gram ends in the end.
    private readonly int endToken;

    /// <param name="vocabulary">The tokens.</param>
    /// <param name="blank">Index of the blank; -1 if there is none.</param>
    /// <param name="tokens">The last token of each node; -1 for the empty one.</param>
    /// <param name="logProbabilities">log p of each node's last token given the others.</param>
    /// <param name="backoffs">Logarithm of the back-off weight of each node shorter than the order.</param>
    /// <param name="children">Number of children of each of these.</param>
    /// <exception cref="FormatException">The arrays do not describe a tree.</exception>
    internal NGramModel(
        NGramVocabulary vocabulary,
        int blank,
        int[] tokens,
        double[] logProbabilities,
        double[] backoffs,
        int[] children
    )
    {
        this.vocabulary = vocabulary;
        (this.tokens, this.logProbabilities, this.backoffs) = (tokens, logProbabilities, backoffs);
        firstChildren = FirstChildren(children, tokens.Length);
        // A length without nodes ends the tree, even if later nodes claim children.
        for (var next = 1; next <= children.Length && next != lengths[^1]; next = firstChildren[next])
            lengths.Add(next);
        if (lengths[^1] != children.Length || lengths.Count > LongestOrder + 1)
            throw new FormatException(
                $"the first {children.Length - 1} n-grams have children: these are not all n-grams of 1 to at most "
                    + $"{LongestOrder - 1} tokens"
            );
        Order = lengths.Count - 1;
        lengths.Add(tokens.Length);
        suffixes = new int[tokens.Length];
        for (var parent = 0; parent < children.Length; parent++)
            LinkChildren(parent);
        StartState = Order > 1 ? Child(0, vocabulary.Start) : 0;
        tokenOfSymbol = new int[vocabulary.Symbols];
        (MissingSymbols, endToken, CanEnd) = MapSymbols(blank);
    }

    /// <summary>Number of symbols, the blank included.</summary>
    public int Symbols => vocabulary.Symbols;

    /// <summary>Length of the longest n-grams.</summary>
    public int Order { get; }

    /// <summary>The state before the first label.</summary>
    public int StartState { get; }

    /// <summary>
    /// Symbols other than the blank that have probability 0 after every history, in ascending order; empty if there are
    /// none. A search with this model never outputs them. Symbols that no n-gram ends in are scored as
    /// <c>&lt;unk&gt;</c>; they are missing only if the model lacks it.
    /// </summary>
    public IReadOnlyList<int> MissingSymbols { get; }

    /// <summary>
    /// Whether a label sequence can end: if no n-gram ends in <c>&lt;/s&gt;</c> and the model lacks <c>&lt;unk&gt;</c>,
    /// or if it has probability 0, every sequence has probability 0.
    /// </summary>
    public bool CanEnd { get; }

    /// <summary>Number of n-grams of a length; 0 for lengths beyond <see cref="Order"/>.</summary>
    public int Count(int length) => length >= 1 && length <= Order ? lengths[length + 1] - lengths[length] : 0;

    /// <summary>
    /// log p(symbol | state), negative infinity for an impossible symbol, and the state after the symbol.
    /// </summary>
    /// <param name="state"><see cref="StartState"/> or a state that this method returned.</param>
    /// <param name="symbol">Index of the symbol.</param>
    /// <exception cref="ArgumentOutOfRangeException">The symbol is not in 0..<see cref="Symbols"/> - 1.</exception>
    public (double LogProbability, int State) Next(int state, int symbol)
    {
        if ((uint)symbol >= (uint)Symbols)
            throw new ArgumentOutOfRangeException(nameof(symbol), symbol, $"the model knows symbols 0..{Symbols - 1}");
        return Walk(state, tokenOfSymbol[symbol]);
    }

    /// <summary>log p(end | state).</summary>
    public double End(int state) => Walk(state, endToken).LogProbability;

    /// <summary>log p of a whole label sequence, the end included.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A label is not in 0..<see cref="Symbols"/> - 1.</exception>
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
    /// <param name="symbols">Names of the symbols by index; that of the blank is empty.</param>
    /// <exception cref="FormatException">
    /// A line is malformed or names an unknown symbol, with the line's number; or the text ends before \end\.
    /// </exception>
    public static NGramModel Read(TextReader text, IReadOnlyList<string> symbols) =>
        new ArpaReader(text, symbols).Read();

    /// <summary>Writes ARPA text.</summary>
    /// <param name="text">Receives the text.</param>
    /// <param name="symbols">Names of the symbols by index.</param>
    public void Write(TextWriter text, IReadOnlyList<string> symbols)
    {
        string Name(int token) =>
            token < Symbols ? symbols[token]
            : token == vocabulary.Start ? SentenceStart
            : token == vocabulary.End ? SentenceEnd
            : UnknownNames[0];
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
    /// Estimates a model from label sequences by interpolated Kneser-Ney smoothing (Kneser and Ney 1995; Chen and
    /// Goodman 1998, with one discount n1 / (n1 + 2 n2) for each length). Derivation: NGramModel.md.
    /// </summary>
    /// <param name="sequences">Label sequences, without blanks.</param>
    /// <param name="symbols">Number of symbols, the blank included, 1 to 65 536.</param>
    /// <param name="order">Length of the longest n-grams, 1 to 8.</param>
    /// <param name="blank">Index of the blank, which gets no probability.</param>
    /// <exception cref="ArgumentException">
    /// There are no sequences, or a label, the order or the number of symbols is out of range.
    /// </exception>
    public static NGramModel Estimate(IEnumerable<int[]> sequences, int symbols, int order, int blank = 0)
    {
        if (order is < 1 or > 8)
            throw new ArgumentOutOfRangeException(nameof(order), $"the order is {order}, must be 1 to 8");
        if (symbols is < 1 or > LogProbs.MaxSymbols)
            throw new ArgumentOutOfRangeException(
                nameof(symbols),
                $"there are {symbols} symbols, must be 1 to {LogProbs.MaxSymbols}"
            );
        var model = new NGramBuilder(new NGramVocabulary(symbols), order);
        new KneserNey(model, blank).Fill(sequences);
        return model.Build(blank);
    }

    /// <summary>The first child of each node, then the end of the last node's children.</summary>
    private static int[] FirstChildren(int[] children, int nodes)
    {
        var (first, next) = (new int[children.Length + 1], 1L);
        for (var node = 0; node < children.Length; next += children[node++])
        {
            if (children[node] < 0 || next + children[node] > nodes)
                throw new FormatException($"{nodes - 1} n-grams are fewer than the children of their histories");
            first[node] = (int)next;
        }
        if (next != nodes)
            throw new FormatException($"{nodes - 1} n-grams are more than the children of their histories");
        first[^1] = nodes;
        return first;
    }

    /// <summary>
    /// Links each child of a node to its longest proper suffix; children of shorter nodes are linked already.
    /// </summary>
    private void LinkChildren(int parent)
    {
        for (var node = firstChildren[parent]; node < firstChildren[parent + 1]; node++)
        {
            var token = tokens[node];
            if ((uint)token >= (uint)vocabulary.Count || node > firstChildren[parent] && token <= tokens[node - 1])
                throw new FormatException(
                    $"token {token} of n-gram {node} is not one of 0..{vocabulary.Count - 1}, "
                        + "or not above the one before it"
                );
            if (parent == 0)
                continue;
            // The longest suffix of the history that the token continues.
            var history = suffixes[parent];
            while (history != 0 && Child(history, token) == 0)
                history = suffixes[history];
            suffixes[node] = Child(history, token);
        }
    }

    /// <summary>The node of an n-gram followed by a token; 0, the root, if the model lacks it.</summary>
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

    /// <summary>
    /// Maps symbols and the end to tokens; returns the symbols that have probability 0 everywhere, the token of the
    /// end, and whether it has a probability.
    /// </summary>
    private (List<int> Missing, int End, bool CanEnd) MapSymbols(int blank)
    {
        var (isNamed, isPossible) = (new bool[vocabulary.Count], new bool[vocabulary.Count]);
        for (var node = 1; node < tokens.Length; node++)
        {
            isNamed[tokens[node]] = true;
            isPossible[tokens[node]] |= logProbabilities[node] > double.NegativeInfinity;
        }
        var missing = new List<int>();
        for (var symbol = 0; symbol < Symbols; symbol++)
        {
            var token = isNamed[symbol] || symbol == blank ? symbol : vocabulary.Unknown;
            tokenOfSymbol[symbol] = token;
            if (symbol != blank && !isPossible[token])
                missing.Add(symbol);
        }
        var end = isNamed[vocabulary.End] ? vocabulary.End : vocabulary.Unknown;
        return (missing, end, isPossible[end]);
    }

    private (double LogProbability, int State) Walk(int state, int token)
    {
        var backoff = 0.0;
        int child;
        for (; (child = Child(state, token)) == 0; state = suffixes[state])
        {
            // Not even a unigram: the model gives the event probability 0.
            if (state == 0)
                return (double.NegativeInfinity, 0);
            backoff += backoffs[state];
        }
        // A state has at most Order - 1 tokens.
        return (backoff + logProbabilities[child], child < backoffs.Length ? child : suffixes[child]);
    }
}
