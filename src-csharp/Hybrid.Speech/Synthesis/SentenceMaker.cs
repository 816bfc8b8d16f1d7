using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Generates random sentences without grammar, in which words with rare phones are more frequent than by chance.
/// </summary>
public sealed class SentenceMaker
{
    /// <summary>Attempts at a new sentence before the vocabulary counts as exhausted.</summary>
    private const int MaxAttempts = 1000;

    private readonly Word[] words;
    private readonly Word[][] wordsByPhone;

    /// <summary>Prepares the generation of sentences.</summary>
    /// <param name="words">The vocabulary, at least two different words.</param>
    /// <exception cref="ArgumentException">There are fewer than two different words.</exception>
    public SentenceMaker(IReadOnlyList<Word> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        this.words = [.. words.DistinctBy(word => word.Spelling)];
        if (this.words.Length < 2)
            throw new ArgumentException("a vocabulary needs at least two different words", nameof(words));
        wordsByPhone =
        [
            .. this
                .words.SelectMany(word => word.Phones)
                .Distinct()
                .Order(StringComparer.Ordinal)
                .Select(phone => this.words.Where(word => word.Phones.Contains(phone)).ToArray()),
        ];
    }

    /// <summary>A sentence, which depends only on the arguments. Adjacent words differ.</summary>
    /// <param name="random">The random generator.</param>
    /// <param name="minWords">Minimum number of words, at least 1.</param>
    /// <param name="maxWords">Maximum number of words, at least <paramref name="minWords"/>.</param>
    public IReadOnlyList<Word> Sentence(CounterRandom random, int minWords, int maxWords)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minWords, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxWords, minWords);
        var draw = random.Stream();
        var sentence = new List<Word>();
        var count = minWords + draw.Below(maxWords - minWords + 1);
        while (sentence.Count < count)
        {
            var word = Draw(draw);
            if (sentence.Count == 0 || sentence[^1].Spelling != word.Spelling)
                sentence.Add(word);
        }
        return sentence;
    }

    /// <summary>
    /// Different sentences that are not in a set. With the same set for the training, validation and test part of a
    /// corpus, these have no sentence in common.
    /// </summary>
    /// <param name="random">The random generator.</param>
    /// <param name="count">Number of sentences, at least 0.</param>
    /// <param name="minWords">Minimum number of words, at least 1.</param>
    /// <param name="maxWords">Maximum number of words, at least <paramref name="minWords"/>.</param>
    /// <param name="taken">Sentences to exclude, as words separated by spaces; the new ones are added.</param>
    /// <exception cref="InvalidOperationException">
    /// The vocabulary is too small for <paramref name="count"/> new sentences.
    /// </exception>
    public IReadOnlyList<IReadOnlyList<Word>> Sentences(
        CounterRandom random,
        int count,
        int minWords,
        int maxWords,
        ISet<string> taken
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(taken);
        var sentences = new List<IReadOnlyList<Word>>(count);
        var failures = 0;
        for (var attempt = 0UL; sentences.Count < count; attempt++)
        {
            var sentence = Sentence(random.Fork(attempt), minWords, maxWords);
            if (taken.Add(string.Join(' ', sentence.Select(word => word.Spelling))))
            {
                sentences.Add(sentence);
                failures = 0;
            }
            else if (++failures == MaxAttempts)
            {
                throw new InvalidOperationException(
                    $"{words.Length} words do not give {count} new sentences of {minWords} to {maxWords} words; "
                        + $"{sentences.Count} were found"
                );
            }
        }
        return sentences;
    }

    /// <summary>
    /// A random word; every other one is drawn by a random phone, so that words with rare phones are more frequent.
    /// </summary>
    private Word Draw(RandomStream draw)
    {
        var pool = draw.Uniform() < 0.5 ? words : wordsByPhone[draw.Below(wordsByPhone.Length)];
        return pool[draw.Below(pool.Length)];
    }
}
