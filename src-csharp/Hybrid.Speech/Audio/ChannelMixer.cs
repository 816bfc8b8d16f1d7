namespace Hybrid.Speech;

/// <summary>
/// Makes one channel of several: their mean, or one that is selected. Detects channels that cancel out.
/// </summary>
internal struct ChannelMixer
{
    /// <summary>
    /// The power of the mean, relative to that of uncorrelated channels, below which channels cancel out: of two
    /// channels, the mean is 20 dB below the channels.
    /// </summary>
    private const double CancelledShare = 0.02;

    private readonly int channels;
    private readonly int? selected;

    // Sums of squares: of the mean, and of all channels.
    private double mixed,
        separate;

    /// <param name="selected">Index of a channel, from 0; null for the mean.</param>
    /// <param name="channels">The number of channels.</param>
    /// <exception cref="AudioFormatException">There is no such channel.</exception>
    public ChannelMixer(int? selected, int channels)
    {
        if (selected >= channels)
            throw new AudioFormatException(
                channels == 1
                    ? $"there is no channel {selected}: the only channel is 0"
                    : $"there is no channel {selected}: the channels are 0 to {channels - 1}"
            );
        (this.selected, this.channels) = (selected, channels);
    }

    /// <summary>The sample of one time.</summary>
    /// <param name="frame">[channels], the samples of that time.</param>
    public double Mix(ReadOnlySpan<double> frame)
    {
        if (selected is { } channel)
            return frame[channel];
        if (channels == 1)
            return frame[0];
        double sum = 0,
            squares = 0;
        foreach (var sample in frame)
        {
            sum += sample;
            squares += sample * sample;
        }
        var mean = sum / channels;
        mixed += mean * mean;
        separate += squares;
        return mean;
    }

    /// <summary>Checks that the mean of all frames so far has not lost the sound of the channels.</summary>
    /// <remarks>
    /// The power of the mean of C uncorrelated channels is 1/C of their mean power. In opposite phase, as after a cable
    /// with its wires exchanged, the mean is silence or noise.
    /// </remarks>
    /// <exception cref="AudioFormatException">The channels cancel out.</exception>
    public readonly void CheckCancellation()
    {
        // Power of the mean, over 1/C of the mean power of the channels.
        if (separate > 0 && mixed * channels * channels < CancelledShare * separate)
            throw AudioFormatException.Cancelled(channels);
    }
}
