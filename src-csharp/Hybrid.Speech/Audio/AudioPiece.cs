namespace Hybrid.Speech;

/// <summary>The part of a recording to read: a time range and a channel.</summary>
/// <param name="OffsetSeconds">Start, in seconds from the beginning of the recording; at least 0.</param>
/// <param name="DurationSeconds">Length in seconds, positive; null to read to the end.</param>
/// <param name="Channel">Index of the channel, from 0; null for the mean of all channels.</param>
internal readonly record struct AudioPiece(double OffsetSeconds, double? DurationSeconds, int? Channel)
{
    /// <summary>
    /// The distance in seconds that a piece may extend beyond the end of the recording, where it is cut: durations in
    /// manifests are rounded.
    /// </summary>
    private const double Tolerance = 0.1;

    /// <summary>Whether the piece has the whole length of the recording.</summary>
    public bool IsWhole => OffsetSeconds == 0 && DurationSeconds is null;

    /// <summary>Checks the values.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A value is out of its range; the message has range and value.
    /// </exception>
    public AudioPiece Validated()
    {
        if (!(OffsetSeconds >= 0 && double.IsFinite(OffsetSeconds)))
            throw Error("offsetSeconds", $"the offset of a piece is {OffsetSeconds} s, must be finite and at least 0");
        if (DurationSeconds is { } duration && !(duration > 0 && double.IsFinite(duration)))
            throw Error("durationSeconds", $"the duration of a piece is {duration} s, must be finite and positive");
        if (Channel < 0)
            throw Error("channel", $"the channel is {Channel}, must be at least 0");
        return this;

        static ArgumentOutOfRangeException Error(string name, FormattableString problem) =>
            new(name, FormattableString.Invariant(problem));
    }

    /// <summary>
    /// The samples of the piece: the first, and the one after the last, long.MaxValue for an open end.
    /// </summary>
    /// <remarks>Both are rounded times, so that adjoining pieces have no sample twice and leave none out.</remarks>
    public (long Begin, long End) Range(int sampleRate)
    {
        var begin = Sample(OffsetSeconds);
        return (
            begin,
            DurationSeconds is { } duration ? Math.Max(begin, Sample(OffsetSeconds + duration)) : long.MaxValue
        );

        // The conversion saturates; 2^62 leaves arithmetic on samples without overflow.
        long Sample(double seconds) => Math.Min(1L << 62, (long)Math.Round(seconds * sampleRate));
    }

    /// <summary>The samples of the piece in a recording of known length.</summary>
    /// <exception cref="AudioFormatException">
    /// The piece begins at or after the end of the recording, or extends beyond it by more than the tolerance.
    /// </exception>
    public (long Begin, long End) Range(int sampleRate, long total)
    {
        var (begin, end) = Range(sampleRate);
        if (begin > 0 && begin >= total)
            throw Outside("begins", OffsetSeconds);
        if (end != long.MaxValue && end - total > Tolerance * sampleRate)
            throw Outside("ends", OffsetSeconds + DurationSeconds!.Value);
        return (begin, Math.Min(end, total));

        AudioFormatException Outside(string verb, double seconds)
        {
            var length = (double)total / sampleRate;
            return new AudioFormatException(
                FormattableString.Invariant(
                    $"the piece {verb} at {seconds:0.###} s, and the recording ends at {length:0.###} s"
                )
            );
        }
    }
}
