using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Makes random sentences, without grammar, in which words with rare phones come up more often than chance has it.</summary>
public sealed class SentenceMaker
{
    /// <summary>Tries for one new sentence before the vocabulary is held to be exhausted.</summary>
    private const int Patience = 1000;

    private readonly Word[] words;
    private readonly Word[][] wordsByPhone;

    /// <summary>Prepares to make sentences.</summary>
    /// <param name="words">The vocabulary, at least two different words.</param>
    /// <exception cref="ArgumentException">There are fewer than two different words.</exception>
    public SentenceMaker(IReadOnlyList<Word> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        this.words = [.. words.DistinctBy(word => word.Spelling)];
        if (this.words.Length < 2)
            throw new ArgumentException("A vocabulary needs at least two different words.", nameof(words));
        wordsByPhone =
        [
            .. this
                .words.SelectMany(word => word.Phones)
                .Distinct()
                .Order(StringComparer.Ordinal)
                .Select(phone => this.words.Where(word => word.Phones.Contains(phone)).ToArray()),
        ];
    }

    /// <summary>One sentence; equal arguments give equal sentences. No word follows itself.</summary>
    /// <param name="random">Source of all choices.</param>
    /// <param name="minWords">Fewest words, at least 1.</param>
    /// <param name="maxWords">Most words, at least <paramref name="minWords"/>.</param>
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
    /// Different sentences, none of them taken: call it with one set for the training, development and test part of a corpus.
    /// </summary>
    /// <param name="random">Source of all choices.</param>
    /// <param name="count">Number of sentences, 0 or more.</param>
    /// <param name="minWords">Fewest words, at least 1.</param>
    /// <param name="maxWords">Most words, at least <paramref name="minWords"/>.</param>
    /// <param name="taken">Sentences that must not come again, as words separated by spaces; the new ones are added.</param>
    /// <exception cref="InvalidOperationException">The vocabulary is too small for that many different sentences.</exception>
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
            else if (++failures == Patience)
            {
                throw new InvalidOperationException(
                    $"{words.Length} words do not give {count} new sentences of {minWords} to {maxWords} words; found {sentences.Count}."
                );
            }
        }
        return sentences;
    }

    /// <summary>Half of the words are drawn for a phone, so that words with rare phones come up more often.</summary>
    private Word Draw(RandomStream draw)
    {
        var pool = draw.Uniform() < 0.5 ? words : wordsByPhone[draw.Below(wordsByPhone.Length)];
        return pool[draw.Below(pool.Length)];
    }
}
