using System.Buffers.Binary;
using System.Numerics;

namespace Hybrid.Speech;

/// <summary>Reads bits, the most significant bit of each byte first. Reading past the end throws.</summary>
/// <param name="bytes">The bytes to read.</param>
/// <param name="origin">Offset of the first byte in the file, for messages.</param>
internal ref struct BitReader(ReadOnlySpan<byte> bytes, long origin = 0)
{
    // A 64-bit word that is loaded at any byte has at least this many valid bits after the bit offset.
    private const int WindowBits = 57;

    private readonly ReadOnlySpan<byte> bytes = bytes;
    private long position;

    /// <summary>Index of the byte that has the next bit.</summary>
    public readonly int BytePosition => (int)(position / 8);

    /// <summary>An unsigned integer of 0 to 57 bits.</summary>
    public ulong Unsigned(int count)
    {
        var value = Window() >> 1 >> (63 - count);
        Skip(count);
        return value;
    }

    /// <summary>A two's complement integer of 1 to 57 bits; 0 for 0 bits.</summary>
    public long Signed(int count)
    {
        var value = (long)Window() >> 1 >> (63 - count);
        Skip(count);
        return count == 0 ? 0 : value;
    }

    /// <summary>The number of zeros before the next one; the one is read too.</summary>
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

    /// <summary>Skips to the next byte boundary, if not at one.</summary>
    public void Align() => position = (position + 7) & ~7L;

    private void Skip(int count)
    {
        position += count;
        if (position > 8L * bytes.Length)
            throw AudioFormatException.Truncated(
                $"the file is truncated: it ends here, at byte {origin + bytes.Length}"
            );
    }

    /// <summary>The next bits, left-aligned; bits past the end are 0.</summary>
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
