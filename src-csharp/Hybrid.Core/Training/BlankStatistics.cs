using System.Numerics;

namespace Hybrid.Core;

/// <summary>Statistics of greedy decoding, as a health check of a training.</summary>
internal static class BlankStatistics
{
    /// <summary>Fraction of blank frames, and mean number of labels per utterance after collapsing repeats.</summary>
    public static (double BlankRatio, double MeanLength) Of<TReal>(Batch<TReal> logits, int blank, Workspace workspace)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var counts = workspace.Rent<int>(2 * logits.B);
        workspace.Team.For(logits.B, new CountJob<TReal>(logits, blank, counts));
        long frames = 0,
            blankFrames = 0,
            labels = 0;
        for (var b = 0; b < logits.B; b++)
        {
            frames += logits.Lengths.Span[b];
            blankFrames += counts.Span[b];
            labels += counts.Span[logits.B + b];
        }
        return ((double)blankFrames / Math.Max(1, frames), (double)labels / Math.Max(1, logits.B));
    }

    /// <param name="Logits">[T, B, V].</param>
    /// <param name="Blank">Index of the blank.</param>
    /// <param name="Counts">[2, B]: blank frames, labels.</param>
    private readonly record struct CountJob<TReal>(Batch<TReal> Logits, int Blank, Memory<int> Counts) : ITeamJob
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        public void Run(int b)
        {
            int blanks = 0,
                labels = 0,
                previous = Blank;
            for (var t = 0; t < Logits.Lengths.Span[b]; t++)
            {
                var best = RowReductions.ArgMax<TReal>(Logits.Row(t, b));
                if (best == Blank)
                    blanks++;
                else if (best != previous)
                    labels++;
                previous = best;
            }
            (Counts.Span[b], Counts.Span[Logits.B + b]) = (blanks, labels);
        }
    }
}
