namespace Hybrid.Speech;

/// <summary>
/// The checksums of FLAC frames (RFC 9639, 9.1.8 and 9.3): initial value 0, the most significant bit first.
/// </summary>
internal static class FlacCrc
{
    private static readonly ushort[] HeaderTable = Table(0x07 << 8),
        FrameTable = Table(0x8005);

    /// <summary>CRC-8 of a frame header: x^8 + x^2 + x + 1.</summary>
    public static int Header(ReadOnlySpan<byte> bytes) => Sum(HeaderTable, bytes) >> 8;

    /// <summary>CRC-16 of a frame: x^16 + x^15 + x^2 + 1.</summary>
    public static int Frame(ReadOnlySpan<byte> bytes) => Sum(FrameTable, bytes);

    private static ushort Sum(ushort[] table, ReadOnlySpan<byte> bytes)
    {
        ushort sum = 0;
        foreach (var value in bytes)
            sum = (ushort)(sum << 8 ^ table[sum >> 8 ^ value]);
        return sum;
    }

    /// <summary>
    /// The remainder of each byte; the polynomial's highest power is bit 16, one of 8 bits is in the upper byte.
    /// </summary>
    private static ushort[] Table(int polynomial)
    {
        var table = new ushort[256];
        for (var value = 0; value < table.Length; value++)
        {
            var rest = value << 8;
            for (var bit = 0; bit < 8; bit++)
                rest = rest << 1 ^ ((rest & 0x8000) != 0 ? polynomial : 0);
            table[value] = (ushort)rest;
        }
        return table;
    }
}
