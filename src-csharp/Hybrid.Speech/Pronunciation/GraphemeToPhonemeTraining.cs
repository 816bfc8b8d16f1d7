using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Figures of letters to phones on words of a lexicon.</summary>
/// <param name="Words">Number of words.</param>
/// <param name="WrongWords">Words of which no pronunciation of the lexicon was found exactly.</param>
/// <param name="PhoneErrors">Edit distance to the nearest pronunciation of each word, in phones.</param>
/// <param name="ReferencePhones">Phones of these pronunciations.</param>
public sealed record PronunciationErrors(int Words, int WrongWords, int PhoneErrors, int ReferencePhones)
{
    /// <summary>Share of the words that are wrong, in percent.</summary>
    public double WordErrorRate => 100.0 * WrongWords / Words;

    /// <summary>Phone errors per reference phone, in percent.</summary>
    public double PhoneErrorRate => 100.0 * PhoneErrors / ReferencePhones;

    /// <summary>Both rates.</summary>
    public override string ToString() =>
        FormattableString.Invariant(
            $"{Words} words, {WordErrorRate:F2} % wrong; phone error rate {PhoneErrorRate:F2} %"
        );
}

/// <summary>
/// Trains letters to phones on a lexicon. Words are divided by their stem: one stem in twenty is for the test, one in
/// fifty for the validation, so that a test word is not a known word with another ending.
/// </summary>
public sealed class GraphemeToPhonemeTraining
{
    private const int TestPercent = 5,
        DevPercent = 2;

    private readonly NetworkSpec spec;
    private readonly PhoneInventory inventory;
    private readonly string letters;
    private readonly Lexicon lexicon;
    private readonly LetterDataset train,
        dev;

    /// <summary>Prepares a training.</summary>
    /// <param name="lexicon">Words with all of their pronunciations.</param>
    /// <param name="inventory">The phones.</param>
    /// <param name="network">
    /// The network; its number of inputs is replaced by the number of letters. Its symbols are the phones and the
    /// blank.
    /// </param>
    /// <exception cref="ArgumentException">The network does not fit the inventory.</exception>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    /// <exception cref="FormatException">The lexicon has too few words of letters.</exception>
    public GraphemeToPhonemeTraining(Lexicon lexicon, PhoneInventory inventory, NetworkSpec network)
    {
        var words = lexicon.Words.Where(IsOfLetters).Order(StringComparer.Ordinal).ToList();
        letters = string.Concat(words.SelectMany(word => word).Distinct().Order());
        spec = network with { Inputs = letters.Length };
        inventory.RequireFit(spec);
        (this.lexicon, this.inventory) = (lexicon, inventory);
        var built = new Network<float>(spec);
        var items = words.ToLookup(Part, word => Items(lexicon, word, built));
        train = new LetterDataset(letters, [.. items[DictionaryPart.Train].SelectMany(word => word)]);
        dev = new LetterDataset(letters, [.. items[DictionaryPart.Dev].SelectMany(word => word.Take(1))]);
        TestWords = [.. words.Where(word => Part(word) == DictionaryPart.Test)];
        if (train.Count == 0 || dev.Count == 0 || TestWords.Count == 0)
            throw new FormatException(
                $"{words.Count} words of letters are too few: training, validation and test need words of their own"
            );
    }

    private enum DictionaryPart
    {
        Train,
        Dev,
        Test,
    }

    /// <summary>Words with stems of their own that are neither trained on nor used to choose the weights.</summary>
    public IReadOnlyList<string> TestWords { get; }

    /// <summary>The number of pronunciations to train on.</summary>
    public int Count => train.Count;

    /// <summary>Trains a network and returns that of the best epoch.</summary>
    /// <param name="schedule">The schedule; its batches are counted in words.</param>
    /// <param name="steps">Receives every update.</param>
    /// <param name="epochs">Receives every epoch.</param>
    /// <param name="team">Threads; all processors if null.</param>
    /// <param name="cancellation">Stops between updates.</param>
    /// <exception cref="ArgumentException">The schedule has problems.</exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public GraphemeToPhoneme Run(
        TrainingSpec schedule,
        IProgress<TrainingProgress>? steps = null,
        IProgress<EpochReport>? epochs = null,
        ThreadTeam? team = null,
        CancellationToken cancellation = default
    )
    {
        var network = new Network<float>(spec, schedule.Seed);
        var trainer = new Trainer(network, schedule, train, dev, team);
        trainer.Run(steps: steps, epochs: epochs, cancellation: cancellation);
        // The weights as they are stored, so that figures and stored words are those of the file.
        var stored = QuantizedTensors.Dequantize([.. QuantizedTensors.Quantize(trainer.BestWeights)]);
        return new GraphemeToPhoneme(new Network<float>(spec, stored), letters, inventory);
    }

    /// <summary>
    /// Stores the words of the lexicon for which a network is wrong, so that every word of it is pronounced as there.
    /// Also those that begin with an apostrophe, which are otherwise mistaken for words in quotation marks.
    /// </summary>
    /// <param name="guess">Letters to phones.</param>
    /// <param name="cancellation">Stops between words.</param>
    public GraphemeToPhoneme WithLexicon(GraphemeToPhoneme guess, CancellationToken cancellation = default)
    {
        var words = lexicon
            .Words.Where(word => guess.Spell(word) == word)
            .Order(StringComparer.Ordinal)
            .AsParallel()
            .AsOrdered()
            .WithCancellation(cancellation)
            .Select(word => (Word: word, Phones: lexicon.Pronunciations(word)[0]))
            .Select(pair => (pair.Word, pair.Phones, IsRight: pair.Phones.SequenceEqual(guess.Guess(pair.Word))))
            .ToLookup(word => word.IsRight && word.Word[0] != '\'');
        return guess.WithWords(
            words[false].ToDictionary(word => word.Word, word => word.Phones),
            [.. words[true].Select(word => word.Word)]
        );
    }

    /// <summary>Compares guesses with a lexicon; stored words of the G2P are not used.</summary>
    /// <param name="guess">Letters to phones.</param>
    /// <param name="lexicon">The reference; of several pronunciations of a word, the nearest counts.</param>
    /// <param name="words">Words of the lexicon.</param>
    /// <exception cref="ArgumentException">There is no word that the lexicon and the alphabet have.</exception>
    public static PronunciationErrors Evaluate(GraphemeToPhoneme guess, Lexicon lexicon, IEnumerable<string> words)
    {
        var compared = words
            .AsParallel()
            .AsOrdered()
            .Where(word => guess.Spell(word) is not null && lexicon.TryGet(word, out _))
            .Select(word =>
            {
                var phones = guess.Guess(guess.Spell(word)!);
                return lexicon
                    .Pronunciations(word)
                    .Select(reference => (Errors: Distance(guess.Inventory, reference, phones), reference.Count))
                    .MinBy(pair => pair.Errors);
            })
            .ToList();
        return compared.Count > 0
            ? new PronunciationErrors(
                compared.Count,
                compared.Count(word => word.Errors > 0),
                compared.Sum(word => word.Errors),
                compared.Sum(word => word.Count)
            )
            : throw new ArgumentException("there is no word to compare", nameof(words));
    }

    private static int Distance(PhoneInventory inventory, IReadOnlyList<string> a, IReadOnlyList<string> b) =>
        EditDistance.Distance(inventory.Labels(a), inventory.Labels(b));

    private static bool IsOfLetters(string word) =>
        word.Any(char.IsLetter)
        && word.All(c => char.IsLetter(c) || c is '\'' or '-')
        && word.Length <= GraphemeToPhoneme.MaxLetters;

    private static DictionaryPart Part(string word) =>
        (new CounterRandom(0).Fork(WordStems.Of(word)).Key % 100) switch
        {
            < TestPercent => DictionaryPart.Test,
            < TestPercent + DevPercent => DictionaryPart.Dev,
            _ => DictionaryPart.Train,
        };

    /// <summary>The pronunciations of a word that the network has enough output frames for.</summary>
    private IEnumerable<LetterDataset.Item> Items(Lexicon lexicon, string word, Network<float> built) =>
        lexicon
            .Pronunciations(word)
            .Select(inventory.Labels)
            .Where(labels => CtcFeasibility.FramesNeeded(labels) <= built.OutputLength(word.Length))
            .Select((labels, i) => new LetterDataset.Item(i == 0 ? word : $"{word}({i + 1})", word, labels));
}
