using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Concatenates every <c>factor</c> consecutive frames into one, [T, B, F] to [T / factor, B, factor * F]: the pyramid
/// of Chan et al. 2016, "Listen, attend and spell". The length is rounded down; remaining frames are dropped.
/// Derivation: FrameStacking.md.
/// </summary>
/// <example>
/// <code>
/// var layer = new FrameStacking&lt;float&gt;(inputs: 128, factor: 2);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 128] to [T / 2, B, 256]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class FrameStacking<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs,
        factor;

    /// <summary>Frame stacking of frames of <paramref name="inputs"/> features.</summary>
    /// <exception cref="ArgumentException">
    /// The number of inputs is not positive, the factor is less than 2, or an output frame exceeds the length of an
    /// array.
    /// </exception>
    public FrameStacking(int inputs, int factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(factor, Array.MaxLength / inputs);
        (this.inputs, this.factor) = (inputs, factor);
    }

    /// <inheritdoc/>
    public override int OutputFeatures => inputs * factor;

    /// <inheritdoc/>
    public override int OutputLength(int frames) => frames / factor;

    /// <inheritdoc/>
    public override FrameMapping FrameMapping => FrameMapping.OfWindows(factor, factor - 1);

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
        var x = pass.Workspace.TakeTape<FrameStackingTape>(this).X;
        var dx = x.With(pass.Workspace.RentZeroed<TReal>(x.Data.Length), inputs);
        for (var b = 0; b < x.B; b++)
        for (var t = 0; t < dy.Lengths.Span[b]; t++)
        for (var j = 0; j < factor; j++)
            dy.Row(t, b).Slice(j * inputs, inputs).CopyTo(dx.Row(t * factor + j, b)); // B1
        return dx;
    }

    /// <param name="X">The input, for the sizes and lengths of its gradient: B1.</param>
    private readonly record struct FrameStackingTape(Batch<TReal> X);
}
