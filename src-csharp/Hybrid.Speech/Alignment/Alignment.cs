using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Times of the phones and words of a recording.</summary>
/// <param name="Id">Name of the recording.</param>
/// <param name="DurationSeconds">Duration of the recording, in seconds.</param>
/// <param name="Words">Words in order of time; empty if they are not known.</param>
/// <param name="Phones">Phones in order of time. A word starts with its first phone and ends with its last.</param>
/// <param name="LogProbability">Natural-log probability of the alignment.</param>
public sealed record Alignment(
    string Id,
    double DurationSeconds,
    IReadOnlyList<Interval> Words,
    IReadOnlyList<Interval> Phones,
    double LogProbability
)
{
    /// <summary>
    /// Words whose pronunciation was predicted from their spelling, because no lexicon has them; each once, in order.
    /// </summary>
    public IReadOnlyList<string> GuessedWords { get; init; } = [];

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

/// <summary>Conversion of the frames of an alignment to times in seconds.</summary>
/// <remarks>
/// A network trained with CTC emits each phone in a few frames and blanks between them. A blank of at most
/// <see cref="PauseSeconds"/> is divided between its two phones at <see cref="BoundaryShare"/>. A longer one is a
/// pause, as are the frames before the first and after the last phone; phones extend into a pause by
/// <see cref="ReachSeconds"/>. The constants minimise the median boundary error on synthetic speech, whose boundaries
/// are known (docs/alignment.md).
/// </remarks>
public static class AlignmentTimes
{
    /// <summary>Share of a blank between two phones that belongs to the first one.</summary>
    public const double BoundaryShare = 0.4;

    /// <summary>Maximum duration of a blank that is not a pause, in seconds.</summary>
    public const double PauseSeconds = 0.17;

    /// <summary>Extension of a phone into a pause, in seconds.</summary>
    public const double ReachSeconds = 0.03;

    /// <summary>Start and end of each label, in order, without overlap, and within the recording.</summary>
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

    /// <summary>End of the phone before a blank, and start of the phone after it.</summary>
    private static (double Previous, double Next) Boundary(double blankBegins, double blankEnds)
    {
        if (blankEnds - blankBegins > PauseSeconds)
            return (blankBegins + ReachSeconds, Math.Max(0, blankEnds - ReachSeconds));
        var boundary = blankBegins + BoundaryShare * (blankEnds - blankBegins);
        return (boundary, boundary);
    }
}
