namespace Hybrid.Speech;

/// <summary>The check sums of FLAC frames (RFC 9639, 9.1.8 and 9.3): both begin with 0 and take the highest bit first.</summary>
internal static class FlacCrc
{
    private static readonly ushort[] HeaderTable = Table(0x07 << 8),
        FrameTable = Table(0x8005);

    /// <summary>Of a frame's header: x^8 + x^2 + x + 1.</summary>
    public static int Header(ReadOnlySpan<byte> bytes) => Sum(HeaderTable, bytes) >> 8;

    /// <summary>Of a whole frame: x^16 + x^15 + x^2 + 1.</summary>
    public static int Frame(ReadOnlySpan<byte> bytes) => Sum(FrameTable, bytes);

    private static ushort Sum(ushort[] table, ReadOnlySpan<byte> bytes)
    {
        ushort sum = 0;
        foreach (var value in bytes)
            sum = (ushort)(sum << 8 ^ table[sum >> 8 ^ value]);
        return sum;
    }

    /// <summary>What each byte leaves behind, with the polynomial's highest power in bit 16; one of 8 bits stands in the upper byte.</summary>
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
