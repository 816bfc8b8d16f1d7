using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Detects inefficient batches in the first epoch: padding costs as much time as speech, and the largest batch
/// determines the memory of all.
/// </summary>
internal sealed class PaddingMonitor
{
    private const double Limit = 1.0 / 3;

    private double frames,
        padded,
        largest;
    private int batches;

    /// <summary>Adds a batch.</summary>
    public void Add(StepReport step)
    {
        var all = step.Frames / (1 - step.PaddingShare);
        (frames, padded, largest, batches) = (frames + step.Frames, padded + all, Math.Max(largest, all), batches + 1);
    }

    /// <summary>Advice about the batches so far; empty if less than a third of time and memory is wasted.</summary>
    public IEnumerable<string> Advise()
    {
        var (padding, idle) = (1 - frames / padded, 1 - padded / batches / largest);
        if (padding > Limit)
            yield return $"{Percent(padding)} of the frames of an epoch are padding: utterances of very different "
                + "lengths share batches; smaller batches, limited in frames, waste less";
        if (idle > Limit)
            yield return $"the largest batch has {Whole(largest)} frames, the mean one {Whole(padded / batches)}, "
                + $"so that {Percent(idle)} of the memory is idle for most of the time; a limit in frames "
                + "makes batches of equal size";

        static string Percent(double share) => $"{Whole(100 * share)} %";

        static string Whole(double value) => value.ToString("F0", CultureInfo.InvariantCulture);
    }
}
