using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Joins each <c>factor</c> neighbouring frames into one with all their features (Chan et al. 2016, "Listen, attend and
/// spell"). The length becomes floor(T / factor); frames left over at the end are dropped. Derivation: FrameStacking.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class FrameStacking<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs,
        factor;

    /// <summary>A pyramid step over frames of <paramref name="inputs"/> features.</summary>
    public FrameStacking(int inputs, int factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 2);
        (this.inputs, this.factor) = (inputs, factor);
    }

    /// <inheritdoc/>
    public override int OutputFeatures => inputs * factor;

    /// <inheritdoc/>
    public override int OutputLength(int frames) => frames / factor;

    /// <inheritdoc/>
    public override (int Stride, double Offset) Centers => (factor, (factor - 1) / 2.0);

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "FrameStacking");
        pass.Workspace.Tape<FrameStackingTape>(this) = new FrameStackingTape(x);
        var y = RentOutput(x, pass.Workspace);
        for (var b = 0; b < x.B; b++)
        for (var t = 0; t < y.Lengths.Span[b]; t++)
        for (var j = 0; j < factor; j++)
            x.Row(t * factor + j, b).CopyTo(y.Row(t, b)[(j * inputs)..]); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var x = pass.Workspace.Tape<FrameStackingTape>(this).X;
        var dx = x.With(pass.Workspace.RentZeroed<TReal>(x.Data.Length), inputs);
        for (var b = 0; b < x.B; b++)
        for (var t = 0; t < dy.Lengths.Span[b]; t++)
        for (var j = 0; j < factor; j++)
            dy.Row(t, b).Slice(j * inputs, inputs).CopyTo(dx.Row(t * factor + j, b)); // B1
        return dx;
    }

    /// <param name="X">The input, whose sizes and lengths the gradient has: B1.</param>
    private readonly record struct FrameStackingTape(Batch<TReal> X);
}
