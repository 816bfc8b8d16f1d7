using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Batch normalisation over time and batch (Ioffe and Szegedy 2015): every channel gets mean 0 and variance 1, then a
/// learned scale and shift. Frames beyond an utterance's length stay out of the statistics. Derivation: BatchNorm1d.md.
/// </summary>
/// <remarks>
/// As in PyTorch the running variance is the unbiased one, and running values move by <c>momentum</c> towards each batch's.
/// </remarks>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class BatchNorm1d<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly double epsilon, momentum;
    private readonly Parameter<R> weight, bias, runningMean, runningVariance, batches;

    /// <summary>A normalisation of <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">How far running statistics move towards those of a batch.</param>
    public BatchNorm1d(int channels, double epsilon = 1e-5, double momentum = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        (OutputFeatures, this.epsilon, this.momentum) = (channels, epsilon, momentum);
        weight = Parameter<R>.Constant("weight", 1, channels);
        bias = Parameter<R>.Constant("bias", 0, channels);
        runningMean = Parameter<R>.Statistic("running_mean", 0, channels);
        runningVariance = Parameter<R>.Statistic("running_var", 1, channels);
        batches = Parameter<R>.Statistic("num_batches_tracked", 0);
        Parameters = [weight, bias, runningMean, runningVariance, batches];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "BatchNorm1d");
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        var frames = 0;
        foreach (var length in x.Lengths.Span) frames += length;
        Memory<R> mean = runningMean.Value, variance = runningVariance.Value;
        if (pass.Training && frames > 0)
        {
            (mean, variance) = (workspace.RentZeroed<R>(C), workspace.RentZeroed<R>(C));
            Statistics(x, frames, mean.Span, variance.Span, workspace); // F1, F2
            UpdateRunning(mean.Span, variance.Span, frames);
        }
        var (scale, slope) = (workspace.Rent<R>(C), workspace.Rent<R>(C));
        for (var c = 0; c < C; c++)
        {
            scale.Span[c] = R.One / R.Sqrt(variance.Span[c] + R.CreateTruncating(epsilon));
            slope.Span[c] = scale.Span[c] * weight.Value[c];
        }
        var y = x.Like(workspace, C);
        workspace.Team.For(Pieces(x), (x, y, mean, slope, bias.Value), static (in (Batch<R> X, Batch<R> Y, Memory<R> Mean, Memory<R> Slope, R[] Bias) s, int piece) =>
            Combine(s.X, default, s.Y, piece, s.Mean.Span, s.Slope.Span, default, s.Bias)); // F3, F4
        workspace.Tape<BatchNorm1dTape>(this) = new BatchNorm1dTape(x, mean, scale, pass.Training ? frames : 0);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        var tape = workspace.Tape<BatchNorm1dTape>(this);
        // One row for each piece: sums of dy in the first C places, of dy (x - mean) in the second.
        var partial = new MatrixView<R>(workspace.Rent<R>(Pieces(dy) * 2 * C), Pieces(dy), 2 * C);
        workspace.Team.For(Pieces(dy), (dy, tape, partial), static (in (Batch<R> Dy, BatchNorm1dTape Tape, MatrixView<R> Partial) s, int piece) =>
            AddUp(s.Dy, s.Tape.X, piece, s.Tape.Mean.Span, s.Partial.Row(piece)));
        var sums = workspace.RentZeroed<R>(2 * C);
        Rows.Merge(partial, sums.Span);

        // B3: with running statistics the means do not depend on x, and nothing is subtracted.
        var inverse = tape.Frames == 0 ? R.Zero : R.One / R.CreateTruncating(tape.Frames);
        var (slope, inputSlope, shift) = (workspace.Rent<R>(C), workspace.Rent<R>(C), workspace.Rent<R>(C));
        for (var c = 0; c < C; c++)
        {
            R scale = tape.Scale.Span[c], dBias = sums.Span[c], dWeight = sums.Span[C + c] * scale;
            bias.Gradient[c] += dBias; // B1
            weight.Gradient[c] += dWeight; // B2
            slope.Span[c] = weight.Value[c] * scale;
            inputSlope.Span[c] = -slope.Span[c] * scale * inverse * dWeight;
            shift.Span[c] = -slope.Span[c] * inverse * dBias;
        }
        var dx = dy.Like(workspace, C);
        workspace.Team.For(Pieces(dy), (dy, dx, tape, slope, inputSlope, shift), static (in (Batch<R> Dy, Batch<R> Dx, BatchNorm1dTape Tape, Memory<R> Slope, Memory<R> InputSlope, Memory<R> Shift) s, int piece) =>
            Combine(s.Tape.X, s.Dy, s.Dx, piece, s.Tape.Mean.Span, s.InputSlope.Span, s.Slope.Span, s.Shift.Span)); // B4
        return dx;
    }

    private static int Pieces(Batch<R> x) => (x.Rows + Rows.Piece - 1) / Rows.Piece;

    private static void Statistics(Batch<R> x, int frames, Span<R> mean, Span<R> variance, Workspace workspace)
    {
        var C = x.F;
        // One row for each piece: its sums, then its sums of squares around its own mean.
        var partial = new MatrixView<R>(workspace.Rent<R>(Pieces(x) * 2 * C), Pieces(x), 2 * C);
        var counts = workspace.Rent<int>(Pieces(x));
        workspace.Team.For(Pieces(x), (x, partial, counts), static (in (Batch<R> X, MatrixView<R> Partial, Memory<int> Counts) s, int piece) =>
            s.Counts.Span[piece] = Measure(s.X, piece, s.Partial.Row(piece)));
        var inverse = R.One / R.CreateTruncating(frames);
        for (var piece = 0; piece < partial.Rows; piece++) TensorPrimitives.Add(mean, partial.Row(piece)[..C], mean);
        TensorPrimitives.Multiply(mean, inverse, mean);
        // Squares around the common mean: those around the piece's, and the distance of the two (Chan et al. 1983).
        for (var piece = 0; piece < partial.Rows; piece++)
        {
            if (counts.Span[piece] == 0) continue;
            var sums = partial.Row(piece);
            var count = R.CreateTruncating(counts.Span[piece]);
            for (var c = 0; c < C; c++)
            {
                var distance = sums[c] / count - mean[c];
                variance[c] += sums[C + c] + count * distance * distance;
            }
        }
        TensorPrimitives.Multiply(variance, inverse, variance);
    }

    /// <summary>Sums of a piece, and of its squares around its own mean; returns how many of its frames exist.</summary>
    private static unsafe int Measure(Batch<R> x, int piece, Span<R> sums)
    {
        int C = x.F, first = piece * Rows.Piece, count = 0;
        var rows = stackalloc int[Rows.Piece];
        for (var row = first; row < Math.Min(first + Rows.Piece, x.Rows); row++)
            if (row / x.B < x.Lengths.Span[row % x.B]) rows[count++] = row - first;
        sums.Clear();
        var minusInverse = Vector512.Create(-R.One / R.CreateTruncating(Math.Max(1, count)));
        fixed (R* px = x.Data.Span[(first * C)..], pSums = sums)
        {
            for (var i = 0; i < count; i++)
            {
                var (row, c) = (rows[i] * C, 0);
                for (; c + Vector512<R>.Count <= C; c += Vector512<R>.Count) Add<Whole>(px + row + c, pSums + c, 0);
                if (c < C) Add<Rest>(px + row + c, pSums + c, C - c);
            }
            for (var i = 0; i < count; i++)
            {
                var (row, c) = (rows[i] * C, 0);
                for (; c + Vector512<R>.Count <= C; c += Vector512<R>.Count) AddSquare<Whole>(px + row + c, minusInverse, pSums + c, pSums + C + c, 0);
                if (c < C) AddSquare<Rest>(px + row + c, minusInverse, pSums + c, pSums + C + c, C - c);
            }
        }
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Add<TExtent>(R* x, R* sums, int left) where TExtent : struct, IExtent =>
        TExtent.Store(TExtent.Load(sums, left) + TExtent.Load(x, left), sums, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddSquare<TExtent>(R* x, Vector512<R> minusInverse, R* sums, R* squares, int left) where TExtent : struct, IExtent
    {
        var distance = VectorMath.MultiplyAdd(TExtent.Load(sums, left), minusInverse, TExtent.Load(x, left));
        TExtent.Store(VectorMath.MultiplyAdd(distance, distance, TExtent.Load(squares, left)), squares, left);
    }

    /// <summary>Sums of dy and of dy (x - mean) over a piece.</summary>
    private static unsafe void AddUp(Batch<R> dy, Batch<R> x, int piece, ReadOnlySpan<R> mean, Span<R> sums)
    {
        int C = x.F, first = piece * Rows.Piece;
        sums.Clear();
        fixed (R* pdy = dy.Data.Span, px = x.Data.Span, pMean = mean, pSums = sums)
        {
            for (var row = first; row < Math.Min(first + Rows.Piece, x.Rows); row++)
            {
                var (start, c) = ((long)row * C, 0);
                for (; c + Vector512<R>.Count <= C; c += Vector512<R>.Count) AddUp<Whole>(pdy + start + c, px + start + c, pMean + c, pSums + c, C, 0);
                if (c < C) AddUp<Rest>(pdy + start + c, px + start + c, pMean + c, pSums + c, C, C - c);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddUp<TExtent>(R* dy, R* x, R* mean, R* sums, int C, int left) where TExtent : struct, IExtent
    {
        var d = TExtent.Load(dy, left);
        TExtent.Store(TExtent.Load(sums, left) + d, sums, left);
        TExtent.Store(VectorMath.MultiplyAdd(d, TExtent.Load(x, left) - TExtent.Load(mean, left), TExtent.Load(sums + C, left)), sums + C, left);
    }

    /// <summary>(x - mean) * inputSlope + dy * slope + shift for a piece, without the middle where there is no dy; zero where frames end.</summary>
    private static unsafe void Combine(Batch<R> x, Batch<R> dy, Batch<R> result, int piece, ReadOnlySpan<R> mean, ReadOnlySpan<R> inputSlope, ReadOnlySpan<R> slope, ReadOnlySpan<R> shift)
    {
        int C = x.F, first = piece * Rows.Piece;
        fixed (R* px = x.Data.Span, pdy = dy.Data.Span, pResult = result.Data.Span, pMean = mean, pInputSlope = inputSlope, pSlope = slope, pShift = shift)
        {
            for (var row = first; row < Math.Min(first + Rows.Piece, x.Rows); row++)
            {
                var start = (long)row * C;
                if (row / x.B >= x.Lengths.Span[row % x.B])
                {
                    new Span<R>(pResult + start, C).Clear();
                    continue;
                }
                var (c, hasDy) = (0, pdy is not null);
                for (; c + Vector512<R>.Count <= C; c += Vector512<R>.Count)
                    Combine<Whole>(px + start + c, hasDy ? pdy + start + c : null, pResult + start + c, pMean + c, pInputSlope + c, pSlope + c, pShift + c, 0);
                if (c < C) Combine<Rest>(px + start + c, hasDy ? pdy + start + c : null, pResult + start + c, pMean + c, pInputSlope + c, pSlope + c, pShift + c, C - c);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Combine<TExtent>(R* x, R* dy, R* result, R* mean, R* inputSlope, R* slope, R* shift, int left) where TExtent : struct, IExtent
    {
        var sum = TExtent.Load(shift, left);
        if (dy is not null) sum = VectorMath.MultiplyAdd(TExtent.Load(dy, left), TExtent.Load(slope, left), sum);
        TExtent.Store(VectorMath.MultiplyAdd(TExtent.Load(x, left) - TExtent.Load(mean, left), TExtent.Load(inputSlope, left), sum), result, left);
    }

    private void UpdateRunning(ReadOnlySpan<R> mean, ReadOnlySpan<R> variance, int frames)
    {
        var step = R.CreateTruncating(momentum);
        var unbiased = R.CreateTruncating(frames / Math.Max(1.0, frames - 1));
        for (var c = 0; c < mean.Length; c++)
        {
            runningMean.Value[c] += step * (mean[c] - runningMean.Value[c]); // F5
            runningVariance.Value[c] += step * (unbiased * variance[c] - runningVariance.Value[c]); // F6
        }
        batches.Value[0] += R.One;
    }

    /// <param name="X">The input: B2 and B4.</param>
    /// <param name="Mean">Its mean per channel, or the running one: B2 and B4.</param>
    /// <param name="Scale">1 / sqrt(variance + epsilon) per channel: B2 and B4.</param>
    /// <param name="Frames">How many frames the statistics came from, 0 for running statistics: B3.</param>
    private readonly record struct BatchNorm1dTape(Batch<R> X, Memory<R> Mean, Memory<R> Scale, int Frames);
}
