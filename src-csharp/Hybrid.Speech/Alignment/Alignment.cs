using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Where the phones and words of a recording are.</summary>
/// <param name="Id">The recording's name.</param>
/// <param name="DurationSeconds">Length of the recording.</param>
/// <param name="Words">The words, if they are known, in order of time.</param>
/// <param name="Phones">The phones in order of time; every word's phones fill it exactly.</param>
/// <param name="LogProbability">Natural-log probability of the alignment.</param>
public sealed record Alignment(
    string Id,
    double DurationSeconds,
    IReadOnlyList<Interval> Words,
    IReadOnlyList<Interval> Phones,
    double LogProbability
)
{
    /// <summary>The recording, and a line for each word, or for each phone where the words are unknown.</summary>
    public override string ToString()
    {
        var (intervals, kind) = Words.Count > 0 ? (Words, "words") : (Phones, "phones");
        var lines = intervals.Select(interval =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Environment.NewLine}  {interval.StartSeconds:F2} to {interval.EndSeconds:F2} s "
                    + $"{Quoted.Unless(interval.Label)}, confidence {interval.Confidence:F2}"
            )
        );
        var duration = DurationSeconds.ToString("F2", CultureInfo.InvariantCulture);
        return $"{Quoted.Unless(Id)}, {duration} s, {intervals.Count} {kind}{string.Concat(lines)}";
    }
}

/// <summary>
/// Turns the frames of an alignment into times.
/// </summary>
/// <remarks>
/// CTC puts each phone out in a few frames and the blank between them, so the rule for the blank decides where boundaries lie:
/// between two phones at <see cref="BoundaryShare"/> of the blank; where the blank is longer than <see cref="PauseSeconds"/> it
/// is a pause, and so is what is before the first phone and after the last. Into a pause a phone reaches by
/// <see cref="ReachSeconds"/>. The numbers are medians over the known boundaries of synthetic speech (docs/alignment.md).
/// </remarks>
public static class AlignmentTimes
{
    /// <summary>Share of the blank between two phones that belongs to the first.</summary>
    public const double BoundaryShare = 0.4;

    /// <summary>The shortest blank between two phones that is taken for a pause.</summary>
    public const double PauseSeconds = 0.17;

    /// <summary>By how much a phone reaches into a pause.</summary>
    public const double ReachSeconds = 0.03;

    /// <summary>Beginning and end of each label; never overlapping, never backwards, within the recording.</summary>
    public static IReadOnlyList<(double StartSeconds, double EndSeconds)> Of(
        IReadOnlyList<LabelSpan> labels,
        FrameTimes times,
        double durationSeconds
    )
    {
        var result = new (double Start, double End)[labels.Count];
        var before = double.NegativeInfinity;
        for (var i = 0; i < labels.Count; i++)
        {
            var (begin, end) = times.Span(labels[i].Start, labels[i].End, durationSeconds);
            result[i].Start = Boundary(before, begin).Next;
            if (i > 0)
                result[i - 1].End = Boundary(before, begin).Previous;
            before = end;
        }
        if (labels.Count > 0)
            result[^1].End = Math.Min(durationSeconds, before + ReachSeconds);
        return result;
    }

    /// <summary>Where the phone before a blank ends and the one after it begins.</summary>
    private static (double Previous, double Next) Boundary(double blankBegins, double blankEnds)
    {
        if (blankEnds - blankBegins > PauseSeconds)
            return (blankBegins + ReachSeconds, Math.Max(0, blankEnds - ReachSeconds));
        var boundary = blankBegins + BoundaryShare * (blankEnds - blankBegins);
        return (boundary, boundary);
    }
}
