using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Batch normalisation over time and batch (Ioffe and Szegedy 2015): every channel gets mean 0 and variance 1, then a
/// learned scale and shift. Frames beyond an utterance's length do not count. Derivation: BatchNorm1d.md.
/// </summary>
/// <remarks>
/// As in PyTorch, the running variance is the unbiased one, and running statistics move by <c>momentum</c> towards
/// those of each batch. In training, a NaN or infinity makes its channel NaN in all utterances, and its running
/// statistics.
/// </remarks>
/// <example>
/// <code>
/// var layer = new BatchNorm1d&lt;float&gt;(channels: 64);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace, Training: true)); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class BatchNorm1d<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly double epsilon,
        momentum;
    private readonly Parameter<TReal> weight,
        bias,
        runningMean,
        runningVariance,
        batches;

    /// <summary>Batch normalisation of <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">Weight of a batch's statistics in the running statistics.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of channels is not positive.</exception>
    public BatchNorm1d(int channels, double epsilon = 1e-5, double momentum = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        (OutputFeatures, this.epsilon, this.momentum) = (channels, epsilon, momentum);
        weight = Parameter<TReal>.Constant("weight", 1, channels);
        bias = Parameter<TReal>.Constant("bias", 0, channels);
        runningMean = Parameter<TReal>.Buffer("running_mean", 0, channels);
        runningVariance = Parameter<TReal>.Buffer("running_var", 1, channels);
        batches = Parameter<TReal>.Buffer("num_batches_tracked", 0);
        Parameters = [weight, bias, runningMean, runningVariance, batches];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "BatchNorm1d");
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        // Statistics: those of the batch in training, else the running ones.
        var frames = 0;
        foreach (var length in x.Lengths.Span)
            frames += length;
        Memory<TReal> mean = runningMean.Elements,
            variance = runningVariance.Elements;
        if (pass.Training && frames > 0)
        {
            (mean, variance) = (workspace.RentZeroed<TReal>(C), workspace.RentZeroed<TReal>(C));
            Statistics(x, frames, mean.Span, variance.Span, workspace); // F1, F2
            UpdateRunning(mean.Span, variance.Span, frames);
        }
        // One factor per channel for F3 and F4 together.
        var (rstd, scale) = (workspace.Rent<TReal>(C), workspace.Rent<TReal>(C));
        for (var c = 0; c < C; c++)
        {
            rstd.Span[c] = TReal.One / TReal.Sqrt(variance.Span[c] + TReal.CreateTruncating(epsilon));
            scale.Span[c] = rstd.Span[c] * weight.Value[c];
        }
        var y = x.Like(workspace, C);
        workspace.Team.For(RowReductions.Pieces(x.Rows), new NormalizeJob(x, mean, scale, bias.Elements, y));
        workspace.Tape<BatchNorm1dTape>(this) = new BatchNorm1dTape(x, mean, rstd, pass.Training ? frames : 0);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        int C = OutputFeatures,
            pieces = RowReductions.Pieces(dy.Rows);
        var workspace = pass.Workspace;
        var (x, mean, rstd, frames) = workspace.TakeTape<BatchNorm1dTape>(this);
        // Sums over all frames: dy in the first C columns, dy (x - mean) in the others; one row per piece, then their
        // sum.
        var partial = new MatrixView<TReal>(workspace.Rent<TReal>(pieces * 2 * C), pieces, 2 * C);
        workspace.Team.For(pieces, new GradientSumsJob(dy, x, mean, partial));
        var sums = workspace.RentZeroed<TReal>(2 * C);
        RowReductions.Merge(partial, sums.Span);

        // Gradients of the parameters, and the factors of B4 per channel. Running statistics do not depend on x: both
        // means of B3 are zero then.
        var inverseFrames = frames == 0 ? TReal.Zero : TReal.One / TReal.CreateTruncating(frames);
        var (dyScale, xScale, shift) = (workspace.Rent<TReal>(C), workspace.Rent<TReal>(C), workspace.Rent<TReal>(C));
        for (var c = 0; c < C; c++)
        {
            TReal dBias = sums.Span[c],
                dWeight = sums.Span[C + c] * rstd.Span[c];
            bias.Gradient[c] += dBias; // B1
            weight.Gradient[c] += dWeight; // B2
            dyScale.Span[c] = weight.Value[c] * rstd.Span[c];
            xScale.Span[c] = -dyScale.Span[c] * rstd.Span[c] * inverseFrames * dWeight; // B3
            shift.Span[c] = -dyScale.Span[c] * inverseFrames * dBias;
        }
        // Gradient of the input.
        var dx = dy.Like(workspace, C);
        workspace.Team.For(pieces, new InputGradientJob(dy, x, mean, dyScale, xScale, shift, dx));
        return dx;
    }

    private void UpdateRunning(ReadOnlySpan<TReal> mean, ReadOnlySpan<TReal> variance, int frames)
    {
        var step = TReal.CreateTruncating(momentum);
        var unbiased = TReal.CreateTruncating(frames / Math.Max(1.0, frames - 1));
        for (var c = 0; c < mean.Length; c++)
        {
            runningMean.Elements[c] += step * (mean[c] - runningMean.Value[c]); // F5
            runningVariance.Elements[c] += step * (unbiased * variance[c] - runningVariance.Value[c]); // F6
        }
        batches.Elements[0] += TReal.One;
    }

    /// <summary>Mean and variance of each channel over the frames of a batch.</summary>
    private static void Statistics(
        Batch<TReal> x,
        int frames,
        Span<TReal> mean,
        Span<TReal> variance,
        Workspace workspace
    )
    {
        int C = x.F,
            pieces = RowReductions.Pieces(x.Rows);
        // Per piece: sums in the first C columns, sums of squares around the piece's mean in the others.
        var partial = new MatrixView<TReal>(workspace.Rent<TReal>(pieces * 2 * C), pieces, 2 * C);
        var counts = workspace.Rent<int>(pieces);
        workspace.Team.For(pieces, new StatisticsJob(x, partial, counts));
        // The mean: all sums, in order.
        var inverseFrames = TReal.One / TReal.CreateTruncating(frames);
        for (var piece = 0; piece < pieces; piece++)
            TensorPrimitives.Add(mean, partial.Row(piece)[..C], mean);
        TensorPrimitives.Multiply(mean, inverseFrames, mean);
        // Squares around the common mean: those around the piece's mean, and the distance of the two (Chan et al.
        // 1983).
        for (var piece = 0; piece < pieces; piece++)
        {
            if (counts.Span[piece] == 0)
                continue;
            var sums = partial.Row(piece);
            var count = TReal.CreateTruncating(counts.Span[piece]);
            for (var c = 0; c < C; c++)
            {
                var distance = sums[c] / count - mean[c];
                variance[c] += sums[C + c] + count * distance * distance;
            }
        }
        TensorPrimitives.Multiply(variance, inverseFrames, variance);
    }

    /// <summary>Sums, and squares around their mean, of one piece of frames per index.</summary>
    private readonly record struct StatisticsJob(Batch<TReal> X, MatrixView<TReal> Partial, Memory<int> Counts)
        : ITeamJob
    {
        public unsafe void Run(int piece)
        {
            // The rows of the piece that are not padding, relative to its first.
            var (first, end) = RowReductions.RowsOf(piece, X.Rows);
            var rows = stackalloc int[RowReductions.Piece];
            var count = 0;
            for (var row = first; row < end; row++)
                if (row / X.B < X.Lengths.Span[row % X.B])
                    rows[count++] = row - first;
            Counts.Span[piece] = count;
            var C = X.F;
            var sums = Partial.Row(piece);
            sums.Clear();
            var minusInverse = -TReal.One / TReal.CreateTruncating(Math.Max(1, count));
            fixed (
                TReal* px = X.Data.Span[(first * C)..],
                    pSums = sums
            )
            {
                for (var i = 0; i < count; i++)
                    VectorLoop.Run<TReal, SumKernel>(C, new(px + rows[i] * C, pSums));
                for (var i = 0; i < count; i++)
                    VectorLoop.Run<TReal, SquareKernel>(C, new(px + rows[i] * C, minusInverse, pSums, pSums + C));
            }
        }
    }

    private readonly unsafe struct SumKernel(TReal* x, TReal* sums) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int c, int left)
            where TAccess : struct, IVectorAccess =>
            TAccess.Store(TAccess.Load(sums + c, left) + TAccess.Load(x + c, left), sums + c, left);
    }

    private readonly unsafe struct SquareKernel(TReal* x, TReal minusInverse, TReal* sums, TReal* squares)
        : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int c, int left)
            where TAccess : struct, IVectorAccess
        {
            var distance = VectorMath.MultiplyAdd(
                TAccess.Load(sums + c, left),
                Vector512.Create(minusInverse),
                TAccess.Load(x + c, left)
            );
            var sum = VectorMath.MultiplyAdd(distance, distance, TAccess.Load(squares + c, left));
            TAccess.Store(sum, squares + c, left);
        }
    }

    /// <summary>F3 and F4 for one piece of frames per index; zero for padding.</summary>
    private readonly record struct NormalizeJob(
        Batch<TReal> X,
        Memory<TReal> Mean,
        Memory<TReal> Scale,
        TReal[] Bias,
        Batch<TReal> Y
    ) : ITeamJob
    {
        public unsafe void Run(int piece)
        {
            fixed (
                TReal* x = X.Data.Span,
                    mean = Mean.Span,
                    scale = Scale.Span,
                    bias = Bias,
                    y = Y.Data.Span
            )
            {
                var (first, end) = RowReductions.RowsOf(piece, X.Rows);
                for (var row = first; row < end; row++)
                {
                    var start = (long)row * X.F;
                    if (row / X.B < X.Lengths.Span[row % X.B])
                        VectorLoop.Run<TReal, NormalizeKernel>(X.F, new(x + start, mean, scale, bias, y + start));
                    else
                        new Span<TReal>(y + start, X.F).Clear();
                }
            }
        }
    }

    private readonly unsafe struct NormalizeKernel(TReal* x, TReal* mean, TReal* scale, TReal* bias, TReal* y)
        : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int c, int left)
            where TAccess : struct, IVectorAccess
        {
            var centered = TAccess.Load(x + c, left) - TAccess.Load(mean + c, left);
            var result = VectorMath.MultiplyAdd(
                centered,
                TAccess.Load(scale + c, left), // F3
                TAccess.Load(bias + c, left) // F4
            );
            TAccess.Store(result, y + c, left);
        }
    }

    /// <summary>Sums of dy and of dy (x - mean) over one piece of frames per index.</summary>
    private readonly record struct GradientSumsJob(
        Batch<TReal> Dy,
        Batch<TReal> X,
        Memory<TReal> Mean,
        MatrixView<TReal> Partial
    ) : ITeamJob
    {
        public unsafe void Run(int piece)
        {
            var C = X.F;
            var sums = Partial.Row(piece);
            sums.Clear();
            fixed (
                TReal* dy = Dy.Data.Span,
                    x = X.Data.Span,
                    mean = Mean.Span,
                    pSums = sums
            )
            {
                var (first, end) = RowReductions.RowsOf(piece, X.Rows);
                for (var row = first; row < end; row++)
                {
                    var start = (long)row * C;
                    VectorLoop.Run<TReal, GradientSumsKernel>(C, new(dy + start, x + start, mean, pSums, pSums + C));
                }
            }
        }
    }

    private readonly unsafe struct GradientSumsKernel(
        TReal* dy,
        TReal* x,
        TReal* mean,
        TReal* dySums,
        TReal* dyCenteredSums
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int c, int left)
            where TAccess : struct, IVectorAccess
        {
            var gradient = TAccess.Load(dy + c, left);
            TAccess.Store(TAccess.Load(dySums + c, left) + gradient, dySums + c, left);
            var centered = TAccess.Load(x + c, left) - TAccess.Load(mean + c, left);
            var sum = VectorMath.MultiplyAdd(gradient, centered, TAccess.Load(dyCenteredSums + c, left));
            TAccess.Store(sum, dyCenteredSums + c, left);
        }
    }

    /// <summary>
    /// B4 for one piece of frames per index: dyScale dy + xScale (x - mean) + shift; zero for padding.
    /// </summary>
    private readonly record struct InputGradientJob(
        Batch<TReal> Dy,
        Batch<TReal> X,
        Memory<TReal> Mean,
        Memory<TReal> DyScale,
        Memory<TReal> XScale,
        Memory<TReal> Shift,
        Batch<TReal> Dx
    ) : ITeamJob
    {
        public unsafe void Run(int piece)
        {
            fixed (
                TReal* dy = Dy.Data.Span,
                    x = X.Data.Span,
                    mean = Mean.Span,
                    dyScale = DyScale.Span,
                    xScale = XScale.Span,
                    shift = Shift.Span,
                    dx = Dx.Data.Span
            )
            {
                var (first, end) = RowReductions.RowsOf(piece, X.Rows);
                for (var row = first; row < end; row++)
                {
                    var start = (long)row * X.F;
                    if (row / X.B < X.Lengths.Span[row % X.B])
                        VectorLoop.Run<TReal, InputGradientKernel>(
                            X.F,
                            new(dy + start, x + start, mean, dyScale, xScale, shift, dx + start)
                        );
                    else
                        new Span<TReal>(dx + start, X.F).Clear();
                }
            }
        }
    }

    private readonly unsafe struct InputGradientKernel(
        TReal* dy,
        TReal* x,
        TReal* mean,
        TReal* dyScale,
        TReal* xScale,
        TReal* shift,
        TReal* dx
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int c, int left)
            where TAccess : struct, IVectorAccess
        {
            var centered = TAccess.Load(x + c, left) - TAccess.Load(mean + c, left);
            var sum = VectorMath.MultiplyAdd(
                TAccess.Load(dy + c, left),
                TAccess.Load(dyScale + c, left),
                TAccess.Load(shift + c, left)
            );
            var result = VectorMath.MultiplyAdd(centered, TAccess.Load(xScale + c, left), sum); // B4
            TAccess.Store(result, dx + c, left);
        }
    }

    /// <param name="X">The input: B2 and B4.</param>
    /// <param name="Mean">Its mean per channel, or the running mean: B2 and B4.</param>
    /// <param name="Rstd">1 / sqrt(variance + epsilon) per channel: B2 and B4.</param>
    /// <param name="Frames">The number of frames in the statistics, 0 for running statistics: B3.</param>
    private readonly record struct BatchNorm1dTape(Batch<TReal> X, Memory<TReal> Mean, Memory<TReal> Rstd, int Frames);
}
