using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Pronunciation of words from their spelling (G2P): a network reads the letters, CTC decodes phones, and words for
/// which the network is wrong can be stored beside it. Safe for use by several threads.
/// </summary>
/// <remarks>
/// Letters to phones with bidirectional LSTMs and CTC: Rao et al. 2015, "Grapheme-to-phoneme conversion using long
/// short-term memory recurrent neural networks". The network has two output frames per letter, because a letter can
/// represent two phones (X for K S).
/// </remarks>
/// <example>
/// <code>
/// GraphemeToPhoneme.English.TryPronounce("blorbing", out var phones); // B L AO R B IH NG
/// </code>
/// </example>
public sealed class GraphemeToPhoneme
{
    /// <summary>The number of letters of the longest word that is pronounced.</summary>
    public const int MaxLetters = 64;

    private const string Format = "g2p 1",
        FormatKey = "hybrid.format",
        NetworkKey = "hybrid.network",
        LettersKey = "hybrid.letters",
        PhonesKey = "hybrid.phones",
        WordsName = "words",
        KnownName = "known";

    // Letters of Latin script that have no decomposition into a letter and a mark.
    private static readonly Dictionary<char, string> Latin = new()
    {
        ['Æ'] = "AE",
        ['Œ'] = "OE",
        ['Ø'] = "O",
        ['Ł'] = "L",
        ['Đ'] = "D",
        ['Ð'] = "TH",
        ['Þ'] = "TH",
        ['ẞ'] = "SS",
        ['ß'] = "SS",
        ['ı'] = "I",
    };

    private static readonly Lazy<GraphemeToPhoneme> Shipped = new(() =>
        Load(ShippedStream(), "the shipped English G2P")
    );

    private readonly Network<float> network;
    private readonly GreedyDecoder decoder = new();
    private readonly WordFilter known;
    private readonly ConcurrentBag<Workspace> workspaces = [];

    /// <summary>Letters to phones with a trained network.</summary>
    /// <param name="network">One input per letter of the alphabet, one symbol per phone and the blank.</param>
    /// <param name="letters">
    /// The alphabet in the order of the network's inputs: upper-case letters, apostrophe, hyphen.
    /// </param>
    /// <param name="inventory">The phones in the order of the network's symbols.</param>
    /// <param name="words">Words with their phones that precede the network; null for none.</param>
    /// <exception cref="ArgumentException">The parts contradict each other, or a letter is a duplicate.</exception>
    public GraphemeToPhoneme(
        Network<float> network,
        string letters,
        PhoneInventory inventory,
        IReadOnlyDictionary<string, IReadOnlyList<string>>? words = null
    )
        : this(network, letters, inventory, words ?? new Dictionary<string, IReadOnlyList<string>>(), WordFilter.Of([]))
    { }

    private GraphemeToPhoneme(
        Network<float> network,
        string letters,
        PhoneInventory inventory,
        IReadOnlyDictionary<string, IReadOnlyList<string>> words,
        WordFilter known
    )
    {
        RequireFit(network.Spec, letters, inventory);
        (this.network, Letters, Inventory, Words, this.known) = (network, letters, inventory, words, known);
        foreach (var (_, phones) in Words)
            inventory.Labels(phones);
    }

    /// <summary>
    /// English with the 39 phones of CMUdict, trained on CMUdict (docs/pronunciation.md). Loaded at its first use.
    /// </summary>
    public static GraphemeToPhoneme English => Shipped.Value;

    /// <summary>The alphabet, in upper case.</summary>
    public string Letters { get; }

    /// <summary>The phones.</summary>
    public PhoneInventory Inventory { get; }

    /// <summary>Stored words with their phones.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Words { get; }

    /// <summary>The declaration of the network.</summary>
    public NetworkSpec Network => network.Spec;

    /// <summary>
    /// Pronounces a word. Case has no influence; marks that the alphabet lacks are removed (É is read as E).
    /// </summary>
    /// <param name="word">The word as written.</param>
    /// <param name="phones">Its phones; empty if it is not pronounced.</param>
    /// <returns>
    /// False if the word has no letters, a letter beyond the alphabet or more than <see cref="MaxLetters"/>, or if the
    /// network finds no phone.
    /// </returns>
    public bool TryPronounce(string word, out IReadOnlyList<string> phones)
    {
        phones = [];
        if (Spell(word) is not { } spelling)
            return false;
        phones = Words.TryGetValue(spelling, out var stored) ? stored : Guess(spelling);
        return phones.Count > 0;
    }

    /// <summary>
    /// Whether a word is one of those that were checked in training, so that its pronunciation is the dictionary's; one
    /// of 300 other words is taken for such a word.
    /// </summary>
    /// <param name="word">The word in upper case.</param>
    public bool IsKnown(string word) => Words.ContainsKey(word) || known.Contains(word);

    /// <summary>
    /// The same network with other stored words, and the words that need none because the network is right.
    /// </summary>
    /// <exception cref="FormatException">A phone is not in the inventory.</exception>
    internal GraphemeToPhoneme WithWords(
        IReadOnlyDictionary<string, IReadOnlyList<string>> words,
        IReadOnlyCollection<string> known
    ) => new(network, Letters, Inventory, words, WordFilter.Of(known));

    /// <summary>Phones of a word by the network alone.</summary>
    /// <param name="spelling">Letters of the alphabet.</param>
    internal IReadOnlyList<string> Guess(string spelling)
    {
        var workspace = workspaces.TryTake(out var free) ? free : new Workspace(new ThreadTeam(1));
        workspace.Reset();
        var features = new float[spelling.Length * Letters.Length];
        LetterDataset.Encode(Letters, spelling, features);
        var logits = network.Forward(
            new Batch<float>(features, spelling.Length, 1, Letters.Length),
            new Pass(workspace)
        );
        var logProbs = LogProbs.FromLogits(logits, 0);
        workspaces.Add(workspace);
        return [.. Inventory.Names(decoder.Decode(logProbs).Symbols)];
    }

    /// <summary>The word in letters of the alphabet; null if it is not possible or too long.</summary>
    internal string? Spell(string word)
    {
        if (word.Length > MaxLetters)
            return null;
        var spelling = new StringBuilder(word.Length);
        foreach (var letter in word.Normalize(NormalizationForm.FormC).Replace('\u2019', '\'').ToUpperInvariant())
        {
            if (Letters.Contains(letter))
                spelling.Append(letter);
            else if (Latin.TryGetValue(letter, out var plain))
                spelling.Append(plain);
            else
                spelling.Append(WithoutMarks(letter));
        }
        var text = spelling.ToString();
        return text.Length is > 0 and <= MaxLetters && text.Any(char.IsLetter) && text.All(c => Letters.Contains(c))
            ? text
            : null;
    }

    private static string WithoutMarks(char letter) =>
        string.Concat(
            letter
                .ToString()
                .Normalize(NormalizationForm.FormD)
                .Where(c => CharUnicodeInfo.GetUnicodeCategory(c) != UnicodeCategory.NonSpacingMark)
        );

    /// <summary>Writes the file atomically; weights are stored as bytes with one scale per row.</summary>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void Save(string path) =>
        new SafeTensors(
            new Dictionary<string, string>
            {
                [FormatKey] = Format,
                [NetworkKey] = network.Spec.ToJson(),
                [LettersKey] = Letters,
                [PhonesKey] = string.Join(' ', Inventory.Symbols.Skip(1)),
            },
            [
                .. QuantizedTensors.Quantize(network.Save()),
                PackWords(),
                new StoredTensor(KnownName, TensorType.U8, [known.Bytes.Length], known.Bytes),
            ]
        ).Write(path);

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">The file is damaged or not a G2P file; the message names it.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static GraphemeToPhoneme Load(string path) => Build(SafeTensors.Read(path), Quoted.Path(path));

    private static GraphemeToPhoneme Load(Stream stream, string name)
    {
        using (stream)
            return Build(SafeTensors.Read(stream), name);
    }

    private static Stream ShippedStream() =>
        typeof(GraphemeToPhoneme).Assembly.GetManifestResourceStream("english-g2p.safetensors")
        ?? throw new InvalidOperationException("english-g2p.safetensors is missing from Hybrid.Speech.dll");

    private static GraphemeToPhoneme Build(SafeTensors file, string name) => NetworkFile.Build(name, () => Build(file));

    private static GraphemeToPhoneme Build(SafeTensors file)
    {
        string Text(string key) =>
            file.Metadata.TryGetValue(key, out var text)
                ? text
                : throw new FormatException($"not a G2P file: the metadata lack {key}");
        if (Text(FormatKey) is var format && format != Format)
            throw new FormatException($"format {Quoted.Text(format)} is not known, only \"{Format}\"");
        var spec = NetworkSpec.FromJson(Text(NetworkKey));
        var inventory = new PhoneInventory(Text(PhonesKey).Split(' '));
        RequireFit(spec, Text(LettersKey), inventory);
        StoredTensor Tensor(string tensor) =>
            file.Tensors.FirstOrDefault(found => found.Name == tensor && found.Type == TensorType.U8)
            ?? throw new FormatException($"tensor {tensor} of bytes is missing");
        var weights = QuantizedTensors.Dequantize([
            .. file.Tensors.Where(tensor => tensor.Name is not (WordsName or KnownName)),
        ]);
        ParameterShape.RequireTensors(spec, weights);
        return new GraphemeToPhoneme(
            new Network<float>(spec, weights),
            Text(LettersKey),
            inventory,
            UnpackWords(Tensor(WordsName)),
            new WordFilter(Filled(Tensor(KnownName)))
        );
    }

    /// <summary>The stored words as gzip of lines WORD PH PH.</summary>
    private StoredTensor PackWords()
    {
        using var packed = new MemoryStream();
        using (var text = new StreamWriter(new GZipStream(packed, CompressionLevel.SmallestSize)))
            foreach (var (word, phones) in Words)
                text.Write($"{word} {string.Join(' ', phones)}\n");
        var bytes = packed.ToArray();
        return new StoredTensor(WordsName, TensorType.U8, [bytes.Length], bytes);
    }

    private static Dictionary<string, IReadOnlyList<string>> UnpackWords(StoredTensor packed)
    {
        var words = new Dictionary<string, IReadOnlyList<string>>();
        using var text = new StreamReader(UnpackedStream.Gunzip(new MemoryStream(packed.Bytes.ToArray())));
        foreach (var line in TextLines.Read(text, "stored words, "))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 2)
                throw new FormatException($"the stored word {Quoted.Text(line)} has no phones");
            words[fields[0]] = fields[1..];
        }
        return words;
    }

    private static byte[] Filled(StoredTensor tensor) =>
        tensor.Bytes.Length > 0 ? tensor.Bytes.ToArray() : throw new FormatException($"tensor {tensor.Name} is empty");

    private static void RequireFit(NetworkSpec spec, string letters, PhoneInventory inventory)
    {
        if (spec.Validate() is { Count: > 0 } problems)
            throw new InvalidSpecException(problems);
        if (spec.Inputs != letters.Length || letters.Distinct().Count() != letters.Length)
            throw new ArgumentException(
                $"the network takes {spec.Inputs} features, the alphabet has {letters.Distinct().Count()} letters"
            );
        inventory.RequireFit(spec);
    }
}
