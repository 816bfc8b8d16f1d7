using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hybrid.Core;

/// <summary>
/// The recursions of <see cref="CtcRecursion"/> in block floating point: eight neighbouring blanks and their eight
/// labels share an exponent, so that a step is a few additions and products. Derivation: CtcLoss.md.
/// </summary>
/// <remarks>
/// Fails, so that CtcRecursion computes the utterance, if neighbouring states are too far apart for one exponent or a
/// symbol is too improbable. Otherwise no state on an alignment is small enough for underflow. States on no alignment,
/// in the corners of the lattice, are skipped.
/// </remarks>
internal readonly unsafe ref struct CtcBlockRecursion
{
    private const int Lanes = 8;

    // Blocks are rescaled every Period frames. Their largest number is then in [1, 2), or less if a neighbour is more
    // than 2^400 larger. A state above 2^-560 at that moment stays above 2^-880 until the next, as no symbol is below
    // 2^-80.
    private const int Period = 4,
        LeastExponent = -560,
        NeighbourExponent = 400,
        OccupancyExponent = 800;

    private readonly double* alpha,
        beta,
        softmax,
        emissions,
        skips,
        factors;
    private readonly long* alphaExponents,
        betaExponents,
        // For frames -1 to T: the last label that can be reached by then, and the first from which the end can be.
        lastReachable,
        firstCoreachable;
    private readonly int* labels;
    private readonly int S,
        V,
        frames,
        blocks,
        width;

    /// <param name="memory">Doubles, at least as many as in <see cref="WorkspaceSize"/>.</param>
    /// <param name="exponents">Integers, at least as many as in <see cref="WorkspaceSize"/>.</param>
    /// <param name="labels">[S], none of them the blank.</param>
    /// <param name="S">Number of labels.</param>
    /// <param name="V">Number of symbols.</param>
    /// <param name="frames">Frames of the utterance, at least as many as the labels need.</param>
    public CtcBlockRecursion(double* memory, long* exponents, int* labels, int S, int V, int frames)
    {
        (this.S, this.V, this.frames, blocks, width) = (S, V, frames, Blocks(S), Width(S));
        this.labels = labels;
        alpha = memory + width; // frame -1 is before frame 0
        beta = alpha + (long)frames * width;
        softmax = beta + 2 * width;
        emissions = softmax + (long)frames * Padded(V);
        skips = emissions + width;
        factors = skips + width;
        alphaExponents = exponents;
        betaExponents = alphaExponents + (frames / Period + 1L) * blocks;
        lastReachable = betaExponents + blocks + 1;
        firstCoreachable = lastReachable + frames + 2;
    }

    /// <summary>
    /// Doubles: a row of alpha per frame and one before the first, two rows of beta, the softmax of each frame,
    /// emissions, skip factors, ratios of neighbouring blocks. Integers: exponents of alpha, one row per period, and of
    /// beta; for frames -1 to T the last label that can be reached by then, and the first from which the end can still
    /// be reached.
    /// </summary>
    public static (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V) =>
        (
            (frames + 3L) * Width(S) + (long)frames * Padded(V) + 3L * Width(S),
            (frames / Period + 2L) * Blocks(S) + 2 * (frames + 2L)
        );

    private static int Blocks(int S) => S / Lanes + 1;

    // A row has a register of blanks and one of labels per block, and a block of zeros after the last.
    private static int Width(int S) => (Blocks(S) + 1) * 2 * Lanes;

    private static int Padded(int V) => IntMath.RoundUp(V, Lanes);

    private double* Alpha(int t) => alpha + (long)t * width;

    private double* Beta(int t) => beta + (t & 1) * width;

    private double* Softmax(int t) => softmax + (long)t * Padded(V);

    private long* AlphaExponents(int t) => alphaExponents + (long)((t + 1) / Period) * blocks;

    /// <summary>The blocks with states that an alignment can be in at frame <paramref name="t"/>.</summary>
    private (int First, int Last) Band(int t) =>
        ((int)firstCoreachable[t] / Lanes, (int)(lastReachable[t - 1] + 1) / Lanes);

    /// <summary>Offset of blank <paramref name="i"/> in a row; label i is one register further.</summary>
    private static int OffsetOf(int i) => i / Lanes * 2 * Lanes + i % Lanes;

    /// <summary>
    /// Computes the negative log-likelihood of the labels, and writes its derivative with respect to the logits, times
    /// <paramref name="scale"/>, to <paramref name="gradient"/>. False if the range of block exponents is insufficient;
    /// the gradient is then undefined.
    /// </summary>
    /// <param name="logits">[frames, V], with stride <paramref name="frameStride"/>.</param>
    /// <param name="frameStride">Elements from one frame to the next.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <param name="gradient">In the layout of the logits; null if only the loss is needed.</param>
    /// <param name="scale">Factor of the gradient.</param>
    /// <param name="loss">The loss; undefined if the result is false.</param>
    public bool TryRun<TReal>(
        TReal* logits,
        long frameStride,
        int blank,
        TReal* gradient,
        double scale,
        out double loss
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        loss = double.NaN;
        Prepare();
        for (var t = 0; t < frames; t++)
        {
            if (!Emit(logits + t * frameStride, Softmax(t)))
                return false;
            Forward(t, blank);
            if ((t + 1) % Period == 0 && !Scale(Alpha(t), t, AlphaExponents(t - 1), AlphaExponents(t), 1))
                return false;
        }
        var last = Alpha(frames - 1);
        var lastExponents = AlphaExponents(frames - 1);
        var (total, totalExponent) = (last[OffsetOf(S)], lastExponents[S / Lanes]);
        if (S > 0)
            (total, totalExponent) = CtcRecursion.Add(
                (total, totalExponent),
                (last[OffsetOf(S - 1) + Lanes], lastExponents[(S - 1) / Lanes])
            ); // F5
        loss = -(Math.Log(total) + totalExponent * Math.Log(2)); // F5
        if (gradient is null)
            return true;

        new Span<double>(factors, blocks * Lanes).Fill(1);
        for (var t = frames - 1; t >= 0; t--)
        {
            if (
                t < frames - 1
                && (frames - 1 - t) % Period == 0
                && !Scale(Beta(t + 1), t + 1, betaExponents, betaExponents, -1)
            )
                return false;
            if (!Backward(t, blank, total, totalExponent, gradient + t * frameStride, scale))
                return false;
        }
        return true;
    }

    private void Prepare()
    {
        new Span<double>(Alpha(-1), width).Clear();
        new Span<double>(beta, 2 * width).Clear();
        new Span<double>(emissions, 2 * width).Clear();
        new Span<double>(factors, blocks * Lanes).Fill(1);
        new Span<long>(alphaExponents, blocks).Clear();
        new Span<long>(betaExponents, blocks).Clear();
        // The state before the first frame is the first blank; after the last frame, the last blank (F2, B1).
        Alpha(-1)[0] = 1;
        Beta(frames)[OffsetOf(S)] = 1;
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1])
                skips[i] = 1;
        // Each label takes a frame, and so does the blank between equal labels.
        lastReachable[-1] = -1;
        for (int t = 0, wait = 0, i = -1; t <= frames; t++)
        {
            if (i >= 0 && i + 1 < S && skips[i + 1] == 0 && wait == 0)
                wait = 1;
            else if (i + 1 < S)
                (i, wait) = (i + 1, 0);
            lastReachable[t] = i;
        }
        firstCoreachable[frames] = S;
        for (int t = frames - 1, wait = 0, i = S; t >= -1; t--)
        {
            if (i > 0 && i < S && skips[i] == 0 && wait == 0)
                wait = 1;
            else if (i > 0)
                (i, wait) = (i - 1, 0);
            firstCoreachable[t] = i;
        }
    }

    /// <summary>Softmax of one frame, F1. False if a symbol is too improbable or a logit is not finite.</summary>
    private bool Emit<TReal>(TReal* logits, double* y)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        int symbols = V,
            padded = Padded(V),
            whole = symbols / Lanes * Lanes;
        for (var v = 0; v < whole; v += Lanes)
            Widen(logits + v).Store(y + v);
        for (var v = whole; v < symbols; v++)
            y[v] = double.CreateTruncating(logits[v]);
        for (var v = symbols; v < padded; v++)
            y[v] = y[0];
        var largest = Vector512.Load(y);
        for (var v = Lanes; v < padded; v += Lanes)
            largest = Vector512.MaxNative(largest, Vector512.Load(y + v));
        var (offset, sums, smallest) = (
            Vector512.Create(Largest(largest)),
            Vector512<double>.Zero,
            Vector512<double>.One
        );
        for (var v = 0; v < padded; v += Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(y + v) - offset);
            smallest = Vector512.MinNative(smallest, e);
            e.Store(y + v);
            if (v < whole)
                sums += e;
        }
        var sum = CtcRecursion.SumOfLanes(sums);
        for (var v = whole; v < symbols; v++)
            sum += y[v];
        var inverse = Vector512.Create(1 / sum);
        for (var v = 0; v < padded; v += Lanes)
            (Vector512.Load(y + v) * inverse).Store(y + v);
        // Then y is above 2^-80, because there are at most 2^16 symbols. NaN and infinite logits make the sum NaN.
        return sum > 0 && Vector512.GreaterThanAll(smallest, Vector512.Create(IntMath.PowerOfTwo(-64)));
    }

    private void Forward(int t, int blank)
    {
        double* previous = Alpha(t - 1),
            current = Alpha(t),
            emission = emissions,
            skip = skips,
            factor = factors;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        var neighbour = first == 0 ? Vector512<double>.Zero : Vector512.Load(previous + (2 * first - 1) * Lanes);
        for (int i = first * Lanes, offset = 2 * i; i <= last * Lanes; i += Lanes, offset += 2 * Lanes)
        {
            Vector512<double> b = Vector512.Load(previous + offset),
                l = Vector512.Load(previous + offset + Lanes);
            var lBefore = FromBelow(l, neighbour) * Vector512.Load(factor + i); // label i - 1, the one before blank i
            ((b + lBefore) * blankEmission).Store(current + offset); // F3
            (VectorMath.MultiplyAdd(lBefore, Vector512.Load(skip + i), l + b) * Vector512.Load(emission + i)).Store(
                current + offset + Lanes
            ); // F4
            neighbour = l;
        }
        ClearBeside(current, first, last);
    }

    private bool Backward<TReal>(int t, int blank, double total, long totalExponent, TReal* gradient, double scale)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // next has beta times the emission of frame t + 1; current receives that of frame t.
        double* next = Beta(t + 1),
            current = Beta(t),
            forward = Alpha(t),
            emission = emissions,
            skip = skips,
            factor = factors;
        long* forwardExponents = AlphaExponents(t),
            backwardExponents = betaExponents;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        var (blankOccupancy, inverseTotal) = (Vector512<double>.Zero, 1 / total);
        Vector512<double> b = Vector512.Load(next + first * 2 * Lanes),
            l = Vector512.Load(next + first * 2 * Lanes + Lanes);
        for (var block = first; block <= last; block++)
        {
            int i = block * Lanes,
                offset = 2 * i;
            Vector512<double> bAbove = Vector512.Load(next + offset + 2 * Lanes),
                lAbove = Vector512.Load(next + offset + 3 * Lanes),
                ratio = Vector512.Load(factor + i);
            Vector512<double> bNext = FromAbove(b, bAbove) * ratio,
                lNext = FromAbove(l, lAbove) * ratio;
            var betaBlank = b + l; // B2
            var betaLabel = VectorMath.MultiplyAdd(
                lNext,
                FromAbove(Vector512.Load(skip + i), Vector512.Load(skip + i + Lanes)),
                l + bNext
            ); // B3

            var exponent = forwardExponents[block] + backwardExponents[block] - totalExponent;
            if (exponent > OccupancyExponent)
                return false;
            var share = Vector512.Create(IntMath.PowerOfTwo(Math.Max(exponent, -1000)) * inverseTotal);
            blankOccupancy += Vector512.Load(forward + offset) * betaBlank * share; // B4
            // Overwrites alpha, which is no longer needed.
            (Vector512.Load(forward + offset + Lanes) * betaLabel * share).Store(forward + i);

            (betaBlank * blankEmission).Store(current + offset);
            (betaLabel * Vector512.Load(emission + i)).Store(current + offset + Lanes);
            (b, l) = (bAbove, lAbove);
        }
        ClearBeside(current, first, last);

        // B5: softmax minus occupancy.
        var wanted = labels;
        y[blank] -= CtcRecursion.SumOfLanes(blankOccupancy);
        for (int i = (int)firstCoreachable[t], end = (int)lastReachable[t]; i <= end; i++)
            y[wanted[i]] -= forward[i];
        var (v, scales) = (0, Vector512.Create(scale));
        for (; v + Lanes <= V; v += Lanes)
            Narrow(Vector512.Load(y + v) * scales, gradient + v);
        for (; v < V; v++)
            gradient[v] = TReal.CreateTruncating(scale * y[v]);
        return true;
    }

    /// <summary>The labels shifted up by one lane; lane 0 is the last label of the block below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> FromBelow(Vector512<double> x, Vector512<double> below) =>
        Avx512F.IsSupported
            ? Avx512F.AlignRight64(x.AsInt64(), below.AsInt64(), 7).AsDouble()
            : Vector512.Create(below[7], x[0], x[1], x[2], x[3], x[4], x[5], x[6]);

    /// <summary>The labels shifted down by one lane; lane 7 is the first label of the block above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> FromAbove(Vector512<double> x, Vector512<double> above) =>
        Avx512F.IsSupported
            ? Avx512F.AlignRight64(above.AsInt64(), x.AsInt64(), 1).AsDouble()
            : Vector512.Create(x[1], x[2], x[3], x[4], x[5], x[6], x[7], above[0]);

    /// <summary>Returns the softmax of a frame, and gathers that of the labels of some blocks into emissions.</summary>
    private double* Gather(int t, int first, int last)
    {
        double* y = Softmax(t),
            emission = emissions;
        var wanted = labels;
        for (int i = first * Lanes, end = Math.Min(S, (last + 1) * Lanes); i < end; i++)
            emission[i] = y[wanted[i]];
        return y;
    }

    /// <summary>Clears the two blocks beside the computed ones of a row, which the next frame may read.</summary>
    private static void ClearBeside(double* row, int first, int last)
    {
        if (first > 0)
            Clear(row + (first - 1) * 2 * Lanes);
        Clear(row + (last + 1) * 2 * Lanes);
    }

    private static void Clear(double* block)
    {
        Vector512<double>.Zero.Store(block);
        Vector512<double>.Zero.Store(block + Lanes);
    }

    /// <summary>
    /// Rescales the blocks of a row, in the <paramref name="direction"/> of the recursion: 1 forward, -1 backward.
    /// False if a state on an alignment is too small for its block.
    /// </summary>
    private bool Scale(double* row, int t, long* oldExponents, long* newExponents, int direction)
    {
        var (first, last) = Band(t);
        var factor = factors + (direction > 0 ? 0 : Lanes - 1);
        var lanes = Vector512.Create(0L, 1, 2, 3, 4, 5, 6, 7);
        var (least, lowLabel, lowBlank, highLabel, highBlank) = (
            Vector512.Create(IntMath.PowerOfTwo(LeastExponent)),
            Vector512.Create(firstCoreachable[t]),
            Vector512.Create(firstCoreachable[t + 1]),
            Vector512.Create(lastReachable[t]),
            Vector512.Create(lastReachable[t - 1] + 1)
        );
        var (start, end) = direction > 0 ? (first, last) : (last, first);
        for (var block = start; block != end + direction; block += direction)
        {
            double* pBlank = row + block * 2 * Lanes,
                pLabel = pBlank + Lanes;
            Vector512<double> b = Vector512.Load(pBlank),
                l = Vector512.Load(pLabel);
            var exponent =
                oldExponents[block] + (BitConverter.DoubleToInt64Bits(Largest(Vector512.MaxNative(b, l))) >> 52) - 1023;
            if (block != start)
                exponent = Math.Max(exponent, newExponents[block - direction] - NeighbourExponent);
            var shift = oldExponents[block] - exponent;
            if (shift is < -1000 or > 1000)
                return false;
            newExponents[block] = exponent;
            factor[block * Lanes] =
                block == start ? 1 : IntMath.PowerOfTwo(Math.Max(newExponents[block - direction] - exponent, -1000));

            var scale = Vector512.Create(IntMath.PowerOfTwo(shift));
            (b, l) = (b * scale, l * scale);
            b.Store(pBlank);
            l.Store(pLabel);
            var states = lanes + Vector512.Create((long)block * Lanes);
            var tooSmall =
                Vector512.LessThan(b, least).AsInt64()
                    & Vector512.GreaterThanOrEqual(states, lowBlank)
                    & Vector512.LessThanOrEqual(states, highBlank)
                | Vector512.LessThan(l, least).AsInt64()
                    & Vector512.GreaterThanOrEqual(states, lowLabel)
                    & Vector512.LessThanOrEqual(states, highLabel);
            if (tooSmall != Vector512<long>.Zero)
                return false;
        }
        // Blocks that are reached later start with the exponent of the block from which they are reached.
        for (var block = end + direction; (uint)block < (uint)blocks; block += direction)
        {
            newExponents[block] = newExponents[end];
            factor[block * Lanes] = 1;
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Largest(Vector512<double> x)
    {
        var four = Vector256.MaxNative(x.GetLower(), x.GetUpper());
        var two = Vector128.MaxNative(four.GetLower(), four.GetUpper());
        return two[0] > two[1] ? two[0] : two[1];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen<TReal>(TReal* source)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (typeof(TReal) == typeof(double))
            return Vector512.Load((double*)source);
        var (low, high) = Vector256.Widen(Vector256.Load((float*)source));
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Narrow<TReal>(Vector512<double> value, TReal* target)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        if (typeof(TReal) == typeof(double))
            value.Store((double*)target);
        else
            Vector256.Narrow(value.GetLower(), value.GetUpper()).Store((float*)target);
    }
}
