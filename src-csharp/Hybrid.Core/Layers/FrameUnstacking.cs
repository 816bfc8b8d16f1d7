using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Splits every frame into <c>factor</c> consecutive ones, [T, B, F] to [T * factor, B, F / factor]: the inverse of
/// <see cref="FrameStacking{TReal}"/>, and in one dimension the sub-pixel upsampling of Shi et al. 2016, "Real-time
/// single image and video super-resolution using an efficient sub-pixel convolutional neural network". Derivation:
/// FrameUnstacking.md.
/// </summary>
/// <example>
/// <code>
/// var layer = new FrameUnstacking&lt;float&gt;(inputs: 256, factor: 2);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 256] to [T * 2, B, 128]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class FrameUnstacking<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs,
        factor;

    /// <summary>Frame splitting of frames of <paramref name="inputs"/> features.</summary>
    /// <exception cref="ArgumentException">
    /// The number of inputs is not positive, the factor is less than 2 or does not divide the number of inputs.
    /// </exception>
    public FrameUnstacking(int inputs, int factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 2);
        if (inputs % factor != 0)
            throw new ArgumentException($"{inputs} features cannot be split into {factor} equal parts", nameof(factor));
        (this.inputs, this.factor) = (inputs, factor);
    }

    /// <inheritdoc/>
    public override int OutputFeatures => inputs / factor;

    /// <inheritdoc/>
    public override int OutputLength(int frames) => checked(frames * factor);

    /// <inheritdoc/>
    public override FrameMapping FrameMapping => FrameMapping.OfParts(factor);

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "FrameUnstacking");
        pass.Workspace.Tape<FrameUnstackingTape>(this) = new FrameUnstackingTape(x);
        var y = RentOutput(x, pass.Workspace);
        for (var b = 0; b < x.B; b++)
        for (var t = 0; t < x.Lengths.Span[b]; t++)
        for (var j = 0; j < factor; j++)
            x.Row(t, b).Slice(j * OutputFeatures, OutputFeatures).CopyTo(y.Row(t * factor + j, b)); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var x = pass.Workspace.Tape<FrameUnstackingTape>(this).X;
        var dx = x.With(pass.Workspace.RentZeroed<TReal>(x.Data.Length), inputs);
        for (var b = 0; b < x.B; b++)
        for (var t = 0; t < x.Lengths.Span[b]; t++)
        for (var j = 0; j < factor; j++)
            dy.Row(t * factor + j, b).CopyTo(dx.Row(t, b)[(j * OutputFeatures)..]); // B1
        return dx;
    }

    /// <param name="X">The input, for the sizes and lengths of its gradient: B1.</param>
    private readonly record struct FrameUnstackingTape(Batch<TReal> X);
}
