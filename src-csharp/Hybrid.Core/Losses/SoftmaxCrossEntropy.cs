using System.Numerics;

namespace Hybrid.Core;

/// <summary>A mean loss and its gradient.</summary>
/// <typeparam name="TGradient">A matrix or a batch.</typeparam>
/// <param name="Loss">In nats.</param>
/// <param name="Gradient">
/// Derivative of the loss with respect to the logits, of the same shape; in the workspace.
/// </param>
public readonly record struct CrossEntropy<TGradient>(double Loss, TGradient Gradient);

/// <summary>
/// Cross-entropy loss of a classifier: the mean of -log softmax(logits)[label], as PyTorch's cross_entropy. A NaN logit
/// makes the loss NaN. Derivation: SoftmaxCrossEntropy.md.
/// </summary>
public static class SoftmaxCrossEntropy
{
    /// <summary>Loss and gradient for one label per row.</summary>
    /// <param name="logits">[B, V]</param>
    /// <param name="labels">[B], each in 0..V-1.</param>
    /// <param name="workspace">Memory of the gradient.</param>
    /// <exception cref="ArgumentException">
    /// The number of labels differs from that of rows, or a label is out of range.
    /// </exception>
    public static CrossEntropy<MatrixView<TReal>> Compute<TReal>(
        MatrixView<TReal> logits,
        ReadOnlySpan<int> labels,
        Workspace workspace
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (labels.Length != logits.Rows)
            throw new ArgumentException(
                $"{logits.Rows} rows need {logits.Rows} labels, not {labels.Length}",
                nameof(labels)
            );
        var gradient = new MatrixView<TReal>(
            workspace.Rent<TReal>(logits.Rows * logits.Columns),
            logits.Rows,
            logits.Columns
        );
        var sum = 0.0;
        for (var b = 0; b < labels.Length; b++)
            sum += OfRow(logits.Row(b), labels[b], labels.Length, gradient.Row(b));
        return new CrossEntropy<MatrixView<TReal>>(sum / Math.Max(1, labels.Length), gradient); // F2
    }

    /// <summary>
    /// Loss and gradient for one label per frame; the mean is over all frames of the batch, without padding.
    /// </summary>
    /// <param name="logits">[T, B, V]</param>
    /// <param name="labels">For each utterance one label per frame, each in 0..V-1.</param>
    /// <param name="workspace">Memory of the gradient.</param>
    /// <exception cref="ArgumentException">
    /// The number of labels differs from that of frames, or a label is out of range.
    /// </exception>
    public static CrossEntropy<Batch<TReal>> Compute<TReal>(
        Batch<TReal> logits,
        IReadOnlyList<int[]> labels,
        Workspace workspace
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (labels.Count != logits.B)
            throw new ArgumentException(
                $"{logits.B} utterances need {logits.B} label sequences, not {labels.Count}",
                nameof(labels)
            );
        var frames = 0;
        for (var b = 0; b < logits.B; b++)
        {
            var length = logits.Lengths.Span[b];
            if (labels[b].Length != length)
                throw new ArgumentException(
                    $"utterance {b} has {length} frames and needs {length} labels, not {labels[b].Length}",
                    nameof(labels)
                );
            frames += length;
        }
        var gradient = logits.With(workspace.RentZeroed<TReal>(logits.Data.Length), logits.F);
        var sum = 0.0;
        for (var b = 0; b < logits.B; b++)
        for (var t = 0; t < labels[b].Length; t++)
            sum += OfRow(logits.Row(t, b), labels[b][t], frames, gradient.Row(t, b));
        return new CrossEntropy<Batch<TReal>>(sum / Math.Max(1, frames), gradient); // F2
    }

    private static double OfRow<TReal>(ReadOnlySpan<TReal> x, int label, int count, Span<TReal> dx)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if ((uint)label >= (uint)x.Length)
            throw new ArgumentException($"label {label} is not in 0..{x.Length - 1}", nameof(label));
        var norm = LogMath.LogSumExp<TReal, TReal>(x);
        var scale = TReal.One / TReal.CreateTruncating(count);
        for (var v = 0; v < x.Length; v++)
            dx[v] = (TReal.Exp(x[v] - norm) - (v == label ? TReal.One : TReal.Zero)) * scale; // B1
        return double.CreateTruncating(norm - x[label]); // F1
    }
}
