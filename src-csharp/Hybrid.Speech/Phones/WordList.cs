namespace Hybrid.Speech;

/// <summary>
/// 614 common English words with one pronunciation each, in which every phone is frequent: the vocabulary of synthetic
/// corpora.
/// </summary>
/// <remarks>
/// The pronunciations agree with the first variant in the CMU pronouncing dictionary, stress removed.
/// </remarks>
public static class WordList
{
    /// <summary>All words, sorted by spelling.</summary>
    public static IReadOnlyList<Word> All { get; } = Read();

    private static Word[] Read()
    {
        using var stream = typeof(WordList).Assembly.GetManifestResourceStream("Hybrid.Speech.Phones.words.txt")
            ?? throw new InvalidOperationException("the word list words.txt is missing from Hybrid.Speech.dll");
        using var reader = new StreamReader(stream);
        var words = new List<Word>();
        while (reader.ReadLine() is { } line)
        {
            var fields = line.Split(' ');
            words.Add(new Word(fields[0], fields[1..]));
        }
        return [.. words];
    }
}
