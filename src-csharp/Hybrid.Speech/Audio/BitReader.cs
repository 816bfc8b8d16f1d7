using System.Buffers.Binary;
using System.Numerics;

namespace Hybrid.Speech;

/// <summary>Reads bits from the highest of each byte down. Past the end it throws; it never makes bits up.</summary>
/// <param name="bytes">What is read.</param>
/// <param name="start">The byte to begin with.</param>
internal ref struct BitReader(ReadOnlySpan<byte> bytes, int start)
{
    // A register of 64 bits that is filled from any byte has this many bits to give, wherever in the byte reading stands.
    private const int WindowBits = 57;

    private readonly ReadOnlySpan<byte> bytes = bytes;
    private long position = 8L * start;

    /// <summary>The byte that reading stands in or before.</summary>
    public readonly int BytePosition => (int)(position / 8);

    /// <summary>A number of 0 to 57 bits.</summary>
    public ulong Unsigned(int count)
    {
        var value = Window() >> 1 >> (63 - count);
        Skip(count);
        return value;
    }

    /// <summary>A number in two's complement of 1 to 57 bits; of 0 bits it is 0.</summary>
    public long Signed(int count)
    {
        var value = (long)Window() >> 1 >> (63 - count);
        Skip(count);
        return count == 0 ? 0 : value;
    }

    /// <summary>Zeros up to the next one, which is read too.</summary>
    public long Unary()
    {
        for (var zeros = 0L; ; zeros += WindowBits)
        {
            var run = BitOperations.LeadingZeroCount(Window());
            if (run < WindowBits)
            {
                Skip(run + 1);
                return zeros + run;
            }
            Skip(WindowBits);
        }
    }

    /// <summary>Goes to the next whole byte, unless reading stands at one.</summary>
    public void Align() => position = (position + 7) & ~7L;

    private void Skip(int count)
    {
        position += count;
        if (position > 8L * bytes.Length)
            throw new AudioFormatException($"the file is torn: it ends here, at byte {bytes.Length}");
    }

    /// <summary>The next bits, the first one highest; what lies beyond the end is 0.</summary>
    private readonly ulong Window()
    {
        var rest = bytes[BytePosition..];
        return (rest.Length >= sizeof(ulong) ? BinaryPrimitives.ReadUInt64BigEndian(rest) : Tail(rest))
            << (int)(position & 7);
    }

    private static ulong Tail(ReadOnlySpan<byte> rest)
    {
        var bits = 0UL;
        for (var i = 0; i < rest.Length; i++)
            bits |= (ulong)rest[i] << (56 - 8 * i);
        return bits;
    }
}
