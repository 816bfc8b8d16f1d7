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

    /// <summary>A normalisation of <paramref name="channels"/> channels.</summary>
    /// <param name="channels">Channels, C.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">How far running statistics move towards those of a batch.</param>
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
        var frames = 0;
        foreach (var length in x.Lengths.Span)
            frames += length;
        Memory<TReal> mean = runningMean.Value,
            variance = runningVariance.Value;
        if (pass.Training && frames > 0)
        {
            (mean, variance) = (workspace.RentZeroed<TReal>(C), workspace.RentZeroed<TReal>(C));
            Statistics(x, frames, mean.Span, variance.Span, workspace); // F1, F2
            UpdateRunning(mean.Span, variance.Span, frames);
        }
        var (scale, slope) = (workspace.Rent<TReal>(C), workspace.Rent<TReal>(C));
        for (var c = 0; c < C; c++)
        {
            scale.Span[c] = TReal.One / TReal.Sqrt(variance.Span[c] + TReal.CreateTruncating(epsilon));
            slope.Span[c] = scale.Span[c] * weight.Value[c];
        }
        var y = x.Like(workspace, C);
        workspace.Team.For(
            Pieces(x),
            (x, y, mean, slope, bias.Value),
            static (
                in (Batch<TReal> X, Batch<TReal> Y, Memory<TReal> Mean, Memory<TReal> Slope, TReal[] Bias) s,
                int piece
            ) => Combine(s.X, default, s.Y, piece, s.Mean.Span, s.Slope.Span, default, s.Bias)
        ); // F3, F4
        workspace.Tape<BatchNorm1dTape>(this) = new BatchNorm1dTape(x, mean, scale, pass.Training ? frames : 0);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        int C = OutputFeatures;
        var workspace = pass.Workspace;
        var tape = workspace.Tape<BatchNorm1dTape>(this);
        // One row for each piece: sums of dy in the first C places, of dy (x - mean) in the second.
        var partial = new MatrixView<TReal>(workspace.Rent<TReal>(Pieces(dy) * 2 * C), Pieces(dy), 2 * C);
        workspace.Team.For(
            Pieces(dy),
            (dy, tape, partial),
            static (in (Batch<TReal> Dy, BatchNorm1dTape Tape, MatrixView<TReal> Partial) s, int piece) =>
                AddUp(s.Dy, s.Tape.X, piece, s.Tape.Mean.Span, s.Partial.Row(piece))
        );
        var sums = workspace.RentZeroed<TReal>(2 * C);
        RowReductions.Merge(partial, sums.Span);

        // B3: with running statistics the means do not depend on x, and nothing is subtracted.
        var inverse = tape.Frames == 0 ? TReal.Zero : TReal.One / TReal.CreateTruncating(tape.Frames);
        var (slope, inputSlope, shift) = (workspace.Rent<TReal>(C), workspace.Rent<TReal>(C), workspace.Rent<TReal>(C));
        for (var c = 0; c < C; c++)
        {
            TReal scale = tape.Scale.Span[c],
                dBias = sums.Span[c],
                dWeight = sums.Span[C + c] * scale;
            bias.Gradient[c] += dBias; // B1
            weight.Gradient[c] += dWeight; // B2
            slope.Span[c] = weight.Value[c] * scale;
            inputSlope.Span[c] = -slope.Span[c] * scale * inverse * dWeight;
            shift.Span[c] = -slope.Span[c] * inverse * dBias;
        }
        var dx = dy.Like(workspace, C);
        workspace.Team.For(
            Pieces(dy),
            (dy, dx, tape, slope, inputSlope, shift),
            static (
                in (
                    Batch<TReal> Dy,
                    Batch<TReal> Dx,
                    BatchNorm1dTape Tape,
                    Memory<TReal> Slope,
                    Memory<TReal> InputSlope,
                    Memory<TReal> Shift
                ) s,
                int piece
            ) => Combine(s.Tape.X, s.Dy, s.Dx, piece, s.Tape.Mean.Span, s.InputSlope.Span, s.Slope.Span, s.Shift.Span)
        ); // B4
        return dx;
    }

    private static int Pieces(Batch<TReal> x) => IntMath.CeilDiv(x.Rows, RowReductions.Piece);

    private static void Statistics(
        Batch<TReal> x,
        int frames,
        Span<TReal> mean,
        Span<TReal> variance,
        Workspace workspace
    )
    {
        var C = x.F;
        // One row for each piece: its sums, then its sums of squares around its own mean.
        var partial = new MatrixView<TReal>(workspace.Rent<TReal>(Pieces(x) * 2 * C), Pieces(x), 2 * C);
        var counts = workspace.Rent<int>(Pieces(x));
        workspace.Team.For(
            Pieces(x),
            (x, partial, counts),
            static (in (Batch<TReal> X, MatrixView<TReal> Partial, Memory<int> Counts) s, int piece) =>
                s.Counts.Span[piece] = Measure(s.X, piece, s.Partial.Row(piece))
        );
        var inverse = TReal.One / TReal.CreateTruncating(frames);
        for (var piece = 0; piece < partial.Rows; piece++)
            TensorPrimitives.Add(mean, partial.Row(piece)[..C], mean);
        TensorPrimitives.Multiply(mean, inverse, mean);
        // Squares around the common mean: those around the piece's, and the distance of the two (Chan et al. 1983).
        for (var piece = 0; piece < partial.Rows; piece++)
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
        TensorPrimitives.Multiply(variance, inverse, variance);
    }

    /// <summary>Sums of a piece, and of its squares around its own mean; returns how many of its frames exist.</summary>
    private static unsafe int Measure(Batch<TReal> x, int piece, Span<TReal> sums)
    {
        int C = x.F,
            first = piece * RowReductions.Piece,
            count = 0;
        var rows = stackalloc int[RowReductions.Piece];
        for (var row = first; row < Math.Min(first + RowReductions.Piece, x.Rows); row++)
            if (row / x.B < x.Lengths.Span[row % x.B])
                rows[count++] = row - first;
        sums.Clear();
        var minusInverse = Vector512.Create(-TReal.One / TReal.CreateTruncating(Math.Max(1, count)));
        fixed (
            TReal* px = x.Data.Span[(first * C)..],
                pSums = sums
        )
        {
            for (var i = 0; i < count; i++)
            {
                var (row, c) = (rows[i] * C, 0);
                for (; c + Vector512<TReal>.Count <= C; c += Vector512<TReal>.Count)
                    Add<FullVector>(px + row + c, pSums + c, 0);
                if (c < C)
                    Add<PartialVector>(px + row + c, pSums + c, C - c);
            }
            for (var i = 0; i < count; i++)
            {
                var (row, c) = (rows[i] * C, 0);
                for (; c + Vector512<TReal>.Count <= C; c += Vector512<TReal>.Count)
                    AddSquare<FullVector>(px + row + c, minusInverse, pSums + c, pSums + C + c, 0);
                if (c < C)
                    AddSquare<PartialVector>(px + row + c, minusInverse, pSums + c, pSums + C + c, C - c);
            }
        }
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Add<TAccess>(TReal* x, TReal* sums, int left)
        where TAccess : struct, IVectorAccess =>
        TAccess.Store(TAccess.Load(sums, left) + TAccess.Load(x, left), sums, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddSquare<TAccess>(
        TReal* x,
        Vector512<TReal> minusInverse,
        TReal* sums,
        TReal* squares,
        int left
    )
        where TAccess : struct, IVectorAccess
    {
        var distance = VectorMath.MultiplyAdd(TAccess.Load(sums, left), minusInverse, TAccess.Load(x, left));
        TAccess.Store(VectorMath.MultiplyAdd(distance, distance, TAccess.Load(squares, left)), squares, left);
    }

    /// <summary>Sums of dy and of dy (x - mean) over a piece.</summary>
    private static unsafe void AddUp(
        Batch<TReal> dy,
        Batch<TReal> x,
        int piece,
        ReadOnlySpan<TReal> mean,
        Span<TReal> sums
    )
    {
        int C = x.F,
            first = piece * RowReductions.Piece;
        sums.Clear();
        fixed (
            TReal* pdy = dy.Data.Span,
                px = x.Data.Span,
                pMean = mean,
                pSums = sums
        )
        {
            for (var row = first; row < Math.Min(first + RowReductions.Piece, x.Rows); row++)
            {
                var (start, c) = ((long)row * C, 0);
                for (; c + Vector512<TReal>.Count <= C; c += Vector512<TReal>.Count)
                    AddUp<FullVector>(pdy + start + c, px + start + c, pMean + c, pSums + c, C, 0);
                if (c < C)
                    AddUp<PartialVector>(pdy + start + c, px + start + c, pMean + c, pSums + c, C, C - c);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddUp<TAccess>(TReal* dy, TReal* x, TReal* mean, TReal* sums, int C, int left)
        where TAccess : struct, IVectorAccess
    {
        var d = TAccess.Load(dy, left);
        TAccess.Store(TAccess.Load(sums, left) + d, sums, left);
        TAccess.Store(
            VectorMath.MultiplyAdd(d, TAccess.Load(x, left) - TAccess.Load(mean, left), TAccess.Load(sums + C, left)),
            sums + C,
            left
        );
    }

    /// <summary>(x - mean) * inputSlope + dy * slope + shift for a piece, without the middle where there is no dy; zero where frames end.</summary>
    private static unsafe void Combine(
        Batch<TReal> x,
        Batch<TReal> dy,
        Batch<TReal> result,
        int piece,
        ReadOnlySpan<TReal> mean,
        ReadOnlySpan<TReal> inputSlope,
        ReadOnlySpan<TReal> slope,
        ReadOnlySpan<TReal> shift
    )
    {
        int C = x.F,
            first = piece * RowReductions.Piece;
        fixed (
            TReal* px = x.Data.Span,
                pdy = dy.Data.Span,
                pResult = result.Data.Span,
                pMean = mean,
                pInputSlope = inputSlope,
                pSlope = slope,
                pShift = shift
        )
        {
            for (var row = first; row < Math.Min(first + RowReductions.Piece, x.Rows); row++)
            {
                var start = (long)row * C;
                if (row / x.B >= x.Lengths.Span[row % x.B])
                {
                    new Span<TReal>(pResult + start, C).Clear();
                    continue;
                }
                var (c, hasDy) = (0, pdy is not null);
                for (; c + Vector512<TReal>.Count <= C; c += Vector512<TReal>.Count)
                    Combine<FullVector>(
                        px + start + c,
                        hasDy ? pdy + start + c : null,
                        pResult + start + c,
                        pMean + c,
                        pInputSlope + c,
                        pSlope + c,
                        pShift + c,
                        0
                    );
                if (c < C)
                    Combine<PartialVector>(
                        px + start + c,
                        hasDy ? pdy + start + c : null,
                        pResult + start + c,
                        pMean + c,
                        pInputSlope + c,
                        pSlope + c,
                        pShift + c,
                        C - c
                    );
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Combine<TAccess>(
        TReal* x,
        TReal* dy,
        TReal* result,
        TReal* mean,
        TReal* inputSlope,
        TReal* slope,
        TReal* shift,
        int left
    )
        where TAccess : struct, IVectorAccess
    {
        var sum = TAccess.Load(shift, left);
        if (dy is not null)
            sum = VectorMath.MultiplyAdd(TAccess.Load(dy, left), TAccess.Load(slope, left), sum);
        TAccess.Store(
            VectorMath.MultiplyAdd(
                TAccess.Load(x, left) - TAccess.Load(mean, left),
                TAccess.Load(inputSlope, left),
                sum
            ),
            result,
            left
        );
    }

    private void UpdateRunning(ReadOnlySpan<TReal> mean, ReadOnlySpan<TReal> variance, int frames)
    {
        var step = TReal.CreateTruncating(momentum);
        var unbiased = TReal.CreateTruncating(frames / Math.Max(1.0, frames - 1));
        for (var c = 0; c < mean.Length; c++)
        {
            runningMean.Value[c] += step * (mean[c] - runningMean.Value[c]); // F5
            runningVariance.Value[c] += step * (unbiased * variance[c] - runningVariance.Value[c]); // F6
        }
        batches.Value[0] += TReal.One;
    }

    /// <param name="X">The input: B2 and B4.</param>
    /// <param name="Mean">Its mean per channel, or the running one: B2 and B4.</param>
    /// <param name="Scale">1 / sqrt(variance + epsilon) per channel: B2 and B4.</param>
    /// <param name="Frames">How many frames the statistics came from, 0 for running statistics: B3.</param>
    private readonly record struct BatchNorm1dTape(Batch<TReal> X, Memory<TReal> Mean, Memory<TReal> Scale, int Frames);
}
