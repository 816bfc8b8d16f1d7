using System.Runtime.CompilerServices;

namespace Hybrid.Core;

/// <summary>
/// A counter-based random generator: a pure function from (key, counter) to bits. Dropout, dither and shuffling
/// therefore do not depend on the order of draws, the number of threads, or the index of an utterance in its batch.
/// </summary>
/// <remarks>
/// The function is the output mix of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// OOPSLA 2014) applied to <c>key + counter * golden ratio</c>; forking mixes the stream number into the key.
/// </remarks>
/// <param name="Key">The key; equal keys give equal streams.</param>
public readonly record struct CounterRandom(ulong Key)
{
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    /// <summary>An independent generator for a purpose, a step, a layer or an utterance.</summary>
    public CounterRandom Fork(ulong stream) => new(Mix(Key ^ Mix(stream + GoldenRatio)));

    /// <summary>
    /// An independent generator for a text, such as an utterance id (FNV-1a of its UTF-16 code units).
    /// </summary>
    public CounterRandom Fork(string stream)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in stream)
            hash = (hash ^ c) * 1099511628211UL;
        return Fork(hash);
    }

    /// <summary>64 random bits at a position of the stream.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Bits(ulong counter) => Mix(Key + (counter + 1) * GoldenRatio);

    /// <summary>A number in [0, 1) at a position of the stream, a multiple of 2^-53.</summary>
    public double Uniform(ulong counter) => (Bits(counter) >> 11) * (1.0 / (1UL << 53));

    /// <summary>A reader of this stream, at position 0.</summary>
    public RandomStream Stream() => new(this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>Sequential draws from a <see cref="CounterRandom"/>; the whole state is its key and a position.</summary>
public sealed class RandomStream(CounterRandom source)
{
    private ulong position;

    /// <summary>The next number in [0, 1).</summary>
    public double Uniform() => source.Uniform(position++);

    /// <summary>The next number in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public double Uniform(double low, double high) => low + (high - low) * Uniform();

    /// <summary>The next integer in [0, <paramref name="count"/>).</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not positive.</exception>
    public int Below(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return (int)(Uniform() * count);
    }

    /// <summary>The next number of the standard normal distribution (Box and Muller 1958).</summary>
    public double Normal()
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
        return radius * Math.Cos(2 * Math.PI * Uniform());
    }

    /// <summary>Permutes a list at random, in place (Fisher and Yates).</summary>
    public void Shuffle<TItem>(IList<TItem> items)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
