using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// Recognises batches that waste time or memory, after the first pass through the data: padding is computed like speech, and the
/// largest batch decides how much memory all of them take.
/// </summary>
public sealed class PaddingMonitor
{
    private const double Limit = 1.0 / 3;

    private double frames,
        padded,
        largest;
    private int batches;

    /// <summary>Takes notice of a batch.</summary>
    public void Add(StepReport step)
    {
        var all = step.Frames / (1 - step.PaddingShare);
        (frames, padded, largest, batches) = (frames + step.Frames, padded + all, Math.Max(largest, all), batches + 1);
    }

    /// <summary>What the batches so far waste, in a sentence each.</summary>
    public IEnumerable<string> Advise()
    {
        var (padding, memory) = (1 - frames / padded, 1 - padded / batches / largest);
        if (padding > Limit)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{100 * padding:F0} % of the frames of a pass are padding: utterances of very different lengths share batches; smaller batches, limited in frames (batchFrames), waste less"
            );
        if (memory > Limit)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"the largest batch has {largest:F0} frames, the mean one {padded / batches:F0}, so that {100 * memory:F0} % of the memory is idle for most of the time; a limit in frames (batchFrames) makes batches of equal size"
            );
    }
}
