using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// An n-gram model of label sequences with back-off (Katz 1987), as ARPA files hold it. All probabilities are natural
/// logarithms here; ARPA text has them to base 10.
/// </summary>
/// <remarks>
/// A history is known by its state: the longest of its ends that the model has seen. Walking from state to state gives the
/// same probabilities as looking every n-gram up.
/// </remarks>
public sealed class NGramModel
{
    /// <summary>The mark before the first label.</summary>
    public const string SentenceStart = "<s>";

    /// <summary>The mark behind the last label.</summary>
    public const string SentenceEnd = "</s>";

    private const string Unknown = "<unk>";

    // ARPA writes impossible events, such as <s> after something, with this logarithm.
    private const double NeverLog10 = -99;

    // Back-off weights beyond this would only overflow; those of real models are within a few powers of ten.
    private const double LargestBackoffLog10 = 99;

    // Nodes of the tree of all n-grams; node 0 is the empty one. suffix: the n-gram without its first token.
    private readonly List<Node> nodes = [new Node(0, 0, 0, 0)];
    private readonly Dictionary<(int Node, int Token), int> children = [];
    private readonly int start, end;

    private NGramModel(int symbols, int order) => (Symbols, Order, start, end) = (symbols, order, symbols, symbols + 1);

    /// <summary>Symbols that have a probability, the blank's place included.</summary>
    public int Symbols { get; }

    /// <summary>The longest n-grams.</summary>
    public int Order { get; }

    /// <summary>The state before the first label.</summary>
    public int StartState { get; private set; }

    /// <summary>How many n-grams there are of a length.</summary>
    public int Count(int length) => nodes.Skip(1).Count(node => node.Depth == length);

    /// <summary>log p(symbol | state), and the state after it.</summary>
    public (double LogProbability, int State) Next(int state, int symbol)
    {
        if ((uint)symbol >= (uint)Symbols) throw new ArgumentOutOfRangeException(nameof(symbol), symbol, $"the model knows symbols 0..{Symbols - 1}");
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
    public static NGramModel Read(TextReader text, IReadOnlyList<string> symbols) => new ArpaReader(text, symbols).Read();

    /// <summary>Writes ARPA text.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="symbols">Names of the symbols by index.</param>
    public void Write(TextWriter text, IReadOnlyList<string> symbols)
    {
        string Name(int token) => token == start ? SentenceStart : token == end ? SentenceEnd : symbols[token];
        string Log10(double value) => double.IsNegativeInfinity(value) ? "-99" : (value / Math.Log(10)).ToString("0.0#######", CultureInfo.InvariantCulture);

        var byNode = children.ToDictionary(child => child.Value, child => child.Key);
        string Spell(int node)
        {
            var tokens = new List<string>();
            for (; node != 0; node = byNode[node].Node) tokens.Add(Name(byNode[node].Token));
            tokens.Reverse();
            return string.Join(' ', tokens);
        }

        text.Write("\\data\\\n");
        for (var length = 1; length <= Order; length++) text.Write($"ngram {length}={Count(length).ToString(CultureInfo.InvariantCulture)}\n");
        for (var length = 1; length <= Order; length++)
        {
            text.Write($"\n\\{length.ToString(CultureInfo.InvariantCulture)}-grams:\n");
            for (var i = 1; i < nodes.Count; i++)
            {
                if (nodes[i].Depth != length) continue;
                var backoff = length < Order && nodes[i].Backoff != 0 ? $"\t{Log10(nodes[i].Backoff)}" : "";
                text.Write($"{Log10(nodes[i].LogProbability)}\t{Spell(i)}{backoff}\n");
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
        if (order is < 1 or > 8) throw new ArgumentOutOfRangeException(nameof(order), $"the order is {order}, must be 1 to 8");
        if (symbols is < 1 or > LogProbs.MostSymbols) throw new ArgumentOutOfRangeException(nameof(symbols), $"there are {symbols} symbols, must be 1 to {LogProbs.MostSymbols}");
        var model = new NGramModel(symbols, order);
        new KneserNey(model, blank).Fill(sequences);
        model.Finish();
        return model;
    }

    private int Add(ReadOnlySpan<int> tokens, double logProbability, double backoff)
    {
        var parent = Find(tokens[..^1]) ?? throw new FormatException("its history is no n-gram of the model");
        var node = nodes.Count;
        if (!children.TryAdd((parent, tokens[^1]), node)) throw new FormatException("it occurs twice");
        nodes.Add(new Node(tokens.Length, logProbability, backoff, 0));
        return node;
    }

    private int? Find(ReadOnlySpan<int> tokens)
    {
        var node = 0;
        foreach (var token in tokens)
            if (!children.TryGetValue((node, token), out node)) return null;
        return node;
    }

    /// <summary>Links every n-gram with itself without its first token, once all are there.</summary>
    private void Finish()
    {
        // Children come after their parents, so a parent's link is there when the child needs it.
        foreach (var ((parent, token), node) in children.OrderBy(child => child.Value))
        {
            var suffix = 0;
            if (parent != 0)
            {
                // The longest end of the history that can be followed by the token.
                for (suffix = nodes[parent].Suffix; !children.ContainsKey((suffix, token)) && suffix != 0;) suffix = nodes[suffix].Suffix;
                suffix = children.GetValueOrDefault((suffix, token));
            }
            nodes[node] = nodes[node] with { Suffix = suffix };
        }
        StartState = children.TryGetValue((0, start), out var started) && Order > 1 ? started : 0;
    }

    private (double LogProbability, int State) Walk(int state, int token)
    {
        var backoff = 0.0;
        int child;
        for (; !children.TryGetValue((state, token), out child); state = nodes[state].Suffix)
        {
            // Not even alone: an event that the model holds for impossible.
            if (state == 0) return (double.NegativeInfinity, 0);
            backoff += nodes[state].Backoff;
        }
        // The state remembers at most Order - 1 labels.
        var next = nodes[child].Depth < Order ? child : nodes[child].Suffix;
        return (backoff + nodes[child].LogProbability, next);
    }

    /// <param name="Depth">Tokens of the n-gram.</param>
    /// <param name="LogProbability">Of its last token after the others.</param>
    /// <param name="Backoff">Logarithm of what is left for tokens not seen after it.</param>
    /// <param name="Suffix">The longest of its ends, itself aside, that the model has.</param>
    private readonly record struct Node(int Depth, double LogProbability, double Backoff, int Suffix);

    /// <summary>Reads ARPA text line by line.</summary>
    private sealed class ArpaReader(TextReader text, IReadOnlyList<string> symbols)
    {
        private const int LongestOrder = 16;

        private readonly Dictionary<string, int> tokens = symbols.Select((name, i) => (name, i)).Where(s => s.name.Length > 0).ToDictionary(s => s.name, s => s.i);
        private int number;

        public NGramModel Read()
        {
            tokens[SentenceStart] = symbols.Count;
            tokens[SentenceEnd] = symbols.Count + 1;
            while (Line() is var line && line != "\\data\\")
                if (line is null) throw new FormatException("no \\data\\ in the text: not an ARPA model");
            var promised = new List<int>();
            var head = Line();
            for (; head is not null && head.StartsWith("ngram ", StringComparison.Ordinal); head = Line())
            {
                var parts = head[6..].Split('=');
                if (parts.Length != 2 || Whole(parts[0]) != promised.Count + 1) throw Bad($"{Quoted.Text(head)} is not \"ngram {promised.Count + 1}=COUNT\"");
                promised.Add(Whole(parts[1]));
            }
            if (promised.Count is 0 or > LongestOrder) throw Bad($"the model has {promised.Count} lengths of n-grams, must have 1 to {LongestOrder}");

            var model = new NGramModel(symbols.Count, promised.Count);
            for (var length = 1; length <= promised.Count; length++, head = Line())
            {
                if (head != $"\\{length.ToString(CultureInfo.InvariantCulture)}-grams:") throw Bad($"{Quoted.Text(head ?? "")} stands where \\{length}-grams: is due");
                for (var i = 0; i < promised[length - 1]; i++) ReadNGram(model, length);
            }
            if (head != "\\end\\") throw Bad($"{Quoted.Text(head ?? "")} stands where \\end\\ is due: there are more n-grams than promised");
            model.Finish();
            return model;
        }

        private void ReadNGram(NGramModel model, int length)
        {
            var line = Line() ?? throw Bad("the text ends before \\end\\: it is torn");
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != length + 1 && fields.Length != length + 2) throw Bad($"{Quoted.Text(line)} is not a probability, {length} token{(length > 1 ? "s" : "")} and perhaps a back-off weight");
            var ids = new int[length];
            for (var i = 0; i < length; i++)
            {
                if (fields[i + 1] == Unknown) return; // no label is unknown here
                if (!tokens.TryGetValue(fields[i + 1], out ids[i])) throw Bad($"unknown symbol {Quoted.Text(fields[i + 1])}; known are {string.Join(" ", symbols.Where(name => name.Length > 0))}");
            }
            var log10 = Number(fields[0]);
            if (log10 > 0) throw Bad($"the logarithm of a probability is {fields[0]}, must not be positive");
            var backoff = fields.Length == length + 2 ? Number(fields[^1]) : 0;
            if (Math.Abs(backoff) > LargestBackoffLog10) throw Bad(string.Create(CultureInfo.InvariantCulture, $"the back-off weight is {fields[^1]}, must be {-LargestBackoffLog10} to {LargestBackoffLog10}"));
            try
            {
                model.Add(ids, log10 <= NeverLog10 ? double.NegativeInfinity : log10 * Math.Log(10), backoff * Math.Log(10));
            }
            catch (FormatException error)
            {
                throw Bad($"the n-gram {Quoted.Text(line)} cannot be used: {error.Message}");
            }
        }

        /// <summary>The next line that is not empty.</summary>
        private string? Line()
        {
            while (text.ReadLine() is { } line)
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line)) return line.Trim();
            }
            return null;
        }

        private int Whole(string field) => int.TryParse(field.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : throw Bad($"\"{field}\" is no whole number");

        private double Number(string field) =>
            double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : throw Bad($"\"{field}\" is no number");

        private FormatException Bad(string what) => new(string.Create(CultureInfo.InvariantCulture, $"line {number}: {what}"));
    }

    /// <summary>Counts n-grams and turns the counts into probabilities.</summary>
    private sealed class KneserNey(NGramModel model, int blank)
    {
        // Where too few n-grams occur once or twice to say better.
        private const double UsualDiscount = 0.5;

        private readonly List<Dictionary<Gram, int>> counts = [.. Enumerable.Range(0, model.Order).Select(_ => new Dictionary<Gram, int>())];

        public void Fill(IEnumerable<int[]> sequences)
        {
            var any = false;
            foreach (var sequence in sequences)
            {
                foreach (var label in sequence)
                    if ((uint)label >= (uint)model.Symbols || label == blank) throw new ArgumentException($"label {label} is the blank or not in 0..{model.Symbols - 1}", nameof(sequences));
                int[] tokens = [model.start, .. sequence, model.end];
                // The longest n-grams are counted as they occur; the start mark also begins shorter ones.
                for (var i = 1; i < tokens.Length; i++)
                    for (var length = 1; length <= model.Order && length <= i + 1; length++)
                        if (length == model.Order || length == i + 1) Count(length, tokens.AsSpan(i + 1 - length, length));
                any = true;
            }
            if (!any) throw new ArgumentException("there are no sequences to learn from", nameof(sequences));
            // Shorter ones count in how many ways they are continued to the left (K1).
            for (var length = model.Order; length > 1; length--)
                foreach (var gram in counts[length - 1].Keys) Count(length - 1, gram.Tokens.AsSpan(1));

            AddUnigrams();
            for (var length = 2; length <= model.Order; length++) AddLonger(length);
        }

        private void Count(int length, ReadOnlySpan<int> tokens)
        {
            var gram = new Gram(tokens.ToArray());
            counts[length - 1][gram] = counts[length - 1].GetValueOrDefault(gram) + 1;
        }

        /// <summary>n1 / (n1 + 2 n2): the share that n-grams seen once give up (K2).</summary>
        private double Discount(int length)
        {
            double once = counts[length - 1].Values.Count(count => count == 1), twice = counts[length - 1].Values.Count(count => count == 2);
            return once > 0 && twice > 0 ? once / (once + 2 * twice) : UsualDiscount;
        }

        /// <summary>Single labels, interpolated with the uniform distribution over labels and the end, so that nothing is impossible (K3).</summary>
        private void AddUnigrams()
        {
            var unigrams = counts[0].Where(pair => pair.Key.Tokens[0] != model.start).ToDictionary();
            double total = unigrams.Values.Sum(), discount = Discount(1), left = discount * unigrams.Count / total;
            var possible = Enumerable.Range(0, model.Symbols).Where(symbol => symbol != blank).Append(model.end).ToList();
            foreach (var token in possible)
            {
                var count = unigrams.GetValueOrDefault(new Gram([token]));
                model.Add([token], Math.Log(Math.Max(0, count - discount) / total + left / possible.Count), 0);
            }
            model.Add([model.start], double.NegativeInfinity, 0);
        }

        private void AddLonger(int length)
        {
            var discount = Discount(length);
            foreach (var group in counts[length - 1].GroupBy(pair => new Gram(pair.Key.Tokens[..^1])).OrderBy(group => group.Key))
            {
                var history = model.Find(group.Key.Tokens);
                if (history is null) continue; // only a history of the start mark alone may be missing, and it is not
                double total = group.Sum(pair => pair.Value);
                var left = discount * group.Count() / total; // K4
                model.nodes[history.Value] = model.nodes[history.Value] with { Backoff = Math.Log(left) };
                foreach (var (gram, count) in group.OrderBy(pair => pair.Key))
                {
                    var shorter = Math.Exp(Probability(gram.Tokens.AsSpan(1)));
                    model.Add(gram.Tokens, Math.Log((count - discount) / total + left * shorter), 0); // K5
                }
            }
        }

        /// <summary>log p of the last token after the others, in the part of the model that is already there.</summary>
        private double Probability(ReadOnlySpan<int> tokens)
        {
            if (model.Find(tokens) is { } node) return model.nodes[node].LogProbability;
            var backoff = model.Find(tokens[..^1]) is { } history ? model.nodes[history].Backoff : 0;
            return backoff + Probability(tokens[1..]);
        }
    }

    /// <summary>Tokens that are equal when all of them are.</summary>
    private sealed class Gram(int[] tokens) : IEquatable<Gram>, IComparable<Gram>
    {
        public int[] Tokens { get; } = tokens;

        public bool Equals(Gram? other) => other is not null && Tokens.AsSpan().SequenceEqual(other.Tokens);

        public override bool Equals(object? obj) => Equals(obj as Gram);

        public int CompareTo(Gram? other) => other is null ? 1 : Tokens.AsSpan().SequenceCompareTo(other.Tokens);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var token in Tokens) hash.Add(token);
            return hash.ToHashCode();
        }
    }
}
