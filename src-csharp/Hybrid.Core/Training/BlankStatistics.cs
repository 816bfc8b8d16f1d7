using System.Numerics;

namespace Hybrid.Core;

/// <summary>What the most probable symbols of all frames say about the health of a training.</summary>
internal static class BlankStatistics
{
    /// <summary>Share of frames that are blank, and labels per utterance after joining equal neighbours.</summary>
    public static (double BlankRatio, double MeanLength) Describe<TReal>(
        Batch<TReal> logits,
        int blank,
        Workspace workspace
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // [2, B]: blank frames, labels.
        var counts = workspace.Rent<int>(2 * logits.B);
        workspace.Team.For(
            logits.B,
            (logits, blank, counts),
            static (in (Batch<TReal> Logits, int Blank, Memory<int> Counts) s, int b) =>
            {
                int blanks = 0,
                    labels = 0,
                    previous = s.Blank;
                for (var t = 0; t < s.Logits.Lengths.Span[b]; t++)
                {
                    var best = RowReductions.ArgMax<TReal>(s.Logits.Row(t, b));
                    if (best == s.Blank)
                        blanks++;
                    else if (best != previous)
                        labels++;
                    previous = best;
                }
                (s.Counts.Span[b], s.Counts.Span[s.Logits.B + b]) = (blanks, labels);
            }
        );
        long frames = 0,
            blankFrames = 0,
            allLabels = 0;
        for (var b = 0; b < logits.B; b++)
        {
            frames += logits.Lengths.Span[b];
            blankFrames += counts.Span[b];
            allLabels += counts.Span[logits.B + b];
        }
        return ((double)blankFrames / Math.Max(1, frames), (double)allLabels / Math.Max(1, logits.B));
    }
}
