using System.Collections;

namespace Hybrid.Core;

/// <summary>
/// Labels with the times of their best alignment, which is found when a label is first read: a beam search returns many
/// hypotheses, of which few are looked at.
/// </summary>
/// <param name="logProbs">[T, V]</param>
/// <param name="labels">The labels, without blanks; not impossible.</param>
/// <param name="blank">Index of the blank symbol.</param>
internal sealed class AlignedLabels(LogProbs logProbs, int[] labels, int blank) : IReadOnlyList<LabelSpan>
{
    private readonly Lazy<IReadOnlyList<LabelSpan>> spans = new(() =>
        new CtcAligner(blank).Align(logProbs, labels).Labels
    );

    public int Count => labels.Length;

    public LabelSpan this[int index] => spans.Value[index];

    public IEnumerator<LabelSpan> GetEnumerator() => spans.Value.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
