namespace Hybrid.Speech;

/// <summary>A frame of a FLAC file whose place is known.</summary>
/// <param name="Frame">Index of the frame, from 0.</param>
/// <param name="Sample">Index of its first sample.</param>
/// <param name="Position">The byte at which it begins.</param>
internal readonly record struct FlacSeekPoint(int Frame, long Sample, long Position);

/// <summary>
/// Frames of a FLAC file that decoding has passed, about one for each second. Frames do not state their length, and the
/// numbers in their headers are not reliable, because streams are cut and joined at frames. So a piece is decoded from
/// the last known frame before it, and each part of a file is decoded about once, however many pieces it has. Safe for
/// use by several threads.
/// </summary>
internal sealed class FlacSeekPoints
{
    private readonly List<FlacSeekPoint> points = [];

    /// <summary>The last known frame that begins at or before a sample; null where there is none.</summary>
    public FlacSeekPoint? Before(long sample)
    {
        lock (points)
        {
            var (low, high) = (0, points.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (points[middle].Sample <= sample)
                    low = middle + 1;
                else
                    high = middle;
            }
            return low > 0 ? points[low - 1] : null;
        }
    }

    /// <summary>Adds a frame if it begins at least <paramref name="spacing"/> samples after the last one.</summary>
    public void Add(FlacSeekPoint point, int spacing)
    {
        lock (points)
            if (points.Count == 0 || point.Sample - points[^1].Sample >= spacing)
                points.Add(point);
    }
}
