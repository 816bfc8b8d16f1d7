using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A set of words in a few bits per word (Bloom 1970, "Space/time trade-offs in hash coding with allowable errors"): a
/// word of the set is always found, another one by chance in about 0.3 % of the cases.
/// </summary>
internal sealed class WordFilter
{
    private const int BitsPerWord = 12,
        Hashes = 8;

    private readonly byte[] bits;

    /// <summary>A stored set.</summary>
    /// <param name="bytes"><see cref="Bytes"/> of the set, at least one.</param>
    public WordFilter(byte[] bytes) => bits = bytes;

    /// <summary>The set of some words.</summary>
    public static WordFilter Of(IReadOnlyCollection<string> words)
    {
        var filter = new WordFilter(new byte[IntMath.CeilDiv(Math.Max(1, words.Count) * BitsPerWord, 8)]);
        foreach (var word in words)
        foreach (var bit in filter.Positions(word))
            filter.bits[bit / 8] |= (byte)(1 << (int)(bit % 8));
        return filter;
    }

    /// <summary>The set for a file.</summary>
    public byte[] Bytes => bits;

    /// <summary>Whether the word is in the set, or by chance.</summary>
    public bool Contains(string word) => Positions(word).All(bit => (bits[bit / 8] & 1 << (int)(bit % 8)) != 0);

    // Double hashing (Kirsch and Mitzenmacher 2006): both halves of one hash give all positions.
    private IEnumerable<long> Positions(string word)
    {
        var key = new CounterRandom(0).Fork(word).Key;
        var (first, second) = ((uint)key, (uint)(key >> 32) | 1);
        for (var i = 0; i < Hashes; i++)
            yield return (long)((first + (ulong)i * second) % ((ulong)bits.Length * 8));
    }
}
