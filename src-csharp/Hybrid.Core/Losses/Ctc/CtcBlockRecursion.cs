using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hybrid.Core;

/// <summary>
/// The recursions of <see cref="CtcRecursion"/> in block floating point: eight blanks and eight labels side by side share an
/// exponent, so that a step is a handful of additions and products. Derivation: CtcLoss.md.
/// </summary>
/// <remarks>
/// Gives up, and leaves the utterance to CtcRecursion, where neighbouring states are too far apart for one exponent, or a
/// symbol is too improbable. Otherwise no state that lies on an alignment is ever so small that underflow could touch it.
/// States that no alignment reaches, in the corners of the lattice, are left out.
/// </remarks>
internal readonly unsafe ref struct CtcBlockRecursion
{
    private const int Lanes = 8;

    // Blocks get new exponents after so many frames, and then have their largest number in [1, 2), or less beside a neighbour
    // that is more than 2^400 larger. A state that is above 2^-560 then, with no symbol below 2^-80, is above 2^-880 at the end.
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
        reached,
        left;
    private readonly int* labels;
    private readonly int S,
        V,
        frames,
        blocks,
        width;

    /// <param name="memory">At least as many numbers as <see cref="WorkspaceSize"/> says.</param>
    /// <param name="exponents">And as many integers.</param>
    /// <param name="labels">[S], none of them the blank.</param>
    /// <param name="S">Labels.</param>
    /// <param name="V">Symbols.</param>
    /// <param name="frames">Frames of this utterance, as many as the labels need.</param>
    public CtcBlockRecursion(double* memory, long* exponents, int* labels, int S, int V, int frames)
    {
        (this.S, this.V, this.frames, blocks, width) = (S, V, frames, Blocks(S), Width(S));
        this.labels = labels;
        alpha = memory + width; // frame -1 lies before
        beta = alpha + (long)frames * width;
        softmax = beta + 2 * width;
        emissions = softmax + (long)frames * Padded(V);
        skips = emissions + width;
        factors = skips + width;
        alphaExponents = exponents;
        betaExponents = alphaExponents + (frames / Period + 1L) * blocks;
        reached = betaExponents + blocks + 1;
        left = reached + frames + 2;
    }

    /// <summary>
    /// Numbers: a row of alpha for each frame and the one before the first, two rows for beta, the softmax of each frame,
    /// emissions, skip rule, factors between neighbours. Integers: exponents of alpha, once a period, and of beta, and for
    /// frames -1 to T the last label that can be reached by then, and the first from which the end can still be reached.
    /// </summary>
    public static (long Numbers, long Integers) WorkspaceSize(int frames, int S, int V) =>
        (
            (frames + 3L) * Width(S) + (long)frames * Padded(V) + 3L * Width(S),
            (frames / Period + 2L) * Blocks(S) + 2 * (frames + 2L)
        );

    private static int Blocks(int S) => S / Lanes + 1;

    // A row: a register of blanks and one of labels for each block, and after the last block as many zeros.
    private static int Width(int S) => (Blocks(S) + 1) * 2 * Lanes;

    private static int Padded(int V) => IntMath.RoundUp(V, Lanes);

    private double* Alpha(int t) => alpha + (long)t * width;

    private double* Beta(int t) => beta + (t & 1) * width;

    private double* Softmax(int t) => softmax + (long)t * Padded(V);

    private long* AlphaExponents(int t) => alphaExponents + (long)((t + 1) / Period) * blocks;

    /// <summary>The blocks that an alignment can be in at frame <paramref name="t"/>.</summary>
    private (int First, int Last) Band(int t) => ((int)left[t] / Lanes, (int)(reached[t - 1] + 1) / Lanes);

    /// <summary>The place of blank <paramref name="i"/> in a row; that of label i lies a register further.</summary>
    private static int Place(int i) => i / Lanes * 2 * Lanes + i % Lanes;

    /// <summary>
    /// Negative log-likelihood of the labels, and into <paramref name="gradient"/> its derivative with respect to the logits
    /// times <paramref name="scale"/>. False where the range of blocks does not do; what the gradient then holds means nothing.
    /// </summary>
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
        var (total, totalExponent) = (last[Place(S)], lastExponents[S / Lanes]);
        if (S > 0)
            (total, totalExponent) = CtcRecursion.Add(
                (total, totalExponent),
                (last[Place(S - 1) + Lanes], lastExponents[(S - 1) / Lanes])
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
        // Before the first frame stands the first blank; after the last frame, the last one (F2, B1).
        Alpha(-1)[0] = 1;
        Beta(frames)[Place(S)] = 1;
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1])
                skips[i] = 1;
        // Each label takes a frame, and a blank between equal ones another.
        reached[-1] = -1;
        for (int t = 0, wait = 0, i = -1; t <= frames; t++)
        {
            if (i >= 0 && i + 1 < S && skips[i + 1] == 0 && wait == 0)
                wait = 1;
            else if (i + 1 < S)
                (i, wait) = (i + 1, 0);
            reached[t] = i;
        }
        left[frames] = S;
        for (int t = frames - 1, wait = 0, i = S; t >= -1; t--)
        {
            if (i > 0 && i < S && skips[i] == 0 && wait == 0)
                wait = 1;
            else if (i > 0)
                (i, wait) = (i - 1, 0);
            left[t] = i;
        }
    }

    /// <summary>Softmax of one frame, F1. False where a symbol is too improbable, or a logit not finite.</summary>
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
        // Then y is above 2^-80, there being at most 2^16 symbols. NaN and infinite logits make the sum NaN.
        return sum > 0 && Vector512.GreaterThanAll(smallest, Vector512.Create(IntMath.PowerOfTwo(-64)));
    }

    private void Forward(int t, int blank)
    {
        double* before = Alpha(t - 1),
            now = Alpha(t),
            emission = emissions,
            skip = skips,
            factor = factors;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        var neighbour = first == 0 ? Vector512<double>.Zero : Vector512.Load(before + (2 * first - 1) * Lanes);
        for (int i = first * Lanes, place = 2 * i; i <= last * Lanes; i += Lanes, place += 2 * Lanes)
        {
            Vector512<double> b = Vector512.Load(before + place),
                l = Vector512.Load(before + place + Lanes);
            var lBefore = FromBelow(l, neighbour) * Vector512.Load(factor + i); // label i - 1, the one before blank i
            ((b + lBefore) * blankEmission).Store(now + place); // F3
            (VectorMath.MultiplyAdd(lBefore, Vector512.Load(skip + i), l + b) * Vector512.Load(emission + i)).Store(
                now + place + Lanes
            ); // F4
            neighbour = l;
        }
        ClearBeside(now, first, last);
    }

    private bool Backward<TReal>(int t, int blank, double total, long totalExponent, TReal* gradient, double scale)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // later holds beta of t + 1 times the emission there; now gets the same of t.
        double* later = Beta(t + 1),
            now = Beta(t),
            reaching = Alpha(t),
            emission = emissions,
            skip = skips,
            factor = factors;
        long* reachingExponents = AlphaExponents(t),
            leavingExponents = betaExponents;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        var (blankOccupancy, inverseTotal) = (Vector512<double>.Zero, 1 / total);
        Vector512<double> b = Vector512.Load(later + first * 2 * Lanes),
            l = Vector512.Load(later + first * 2 * Lanes + Lanes);
        for (var block = first; block <= last; block++)
        {
            int i = block * Lanes,
                place = 2 * i;
            Vector512<double> bAbove = Vector512.Load(later + place + 2 * Lanes),
                lAbove = Vector512.Load(later + place + 3 * Lanes),
                ratio = Vector512.Load(factor + i);
            Vector512<double> bNext = FromAbove(b, bAbove) * ratio,
                lNext = FromAbove(l, lAbove) * ratio;
            var betaBlank = b + l; // B2
            var betaLabel = VectorMath.MultiplyAdd(
                lNext,
                FromAbove(Vector512.Load(skip + i), Vector512.Load(skip + i + Lanes)),
                l + bNext
            ); // B3

            var exponent = reachingExponents[block] + leavingExponents[block] - totalExponent;
            if (exponent > OccupancyExponent)
                return false;
            var share = Vector512.Create(IntMath.PowerOfTwo(Math.Max(exponent, -1000)) * inverseTotal);
            blankOccupancy += Vector512.Load(reaching + place) * betaBlank * share; // B4
            (Vector512.Load(reaching + place + Lanes) * betaLabel * share).Store(reaching + i); // alpha is not needed any more

            (betaBlank * blankEmission).Store(now + place);
            (betaLabel * Vector512.Load(emission + i)).Store(now + place + Lanes);
            (b, l) = (bAbove, lAbove);
        }
        ClearBeside(now, first, last);

        // B5: softmax minus occupancy.
        var wanted = labels;
        y[blank] -= CtcRecursion.SumOfLanes(blankOccupancy);
        for (int i = (int)left[t], end = (int)reached[t]; i <= end; i++)
            y[wanted[i]] -= reaching[i];
        var (v, scales) = (0, Vector512.Create(scale));
        for (; v + Lanes <= V; v += Lanes)
            Narrow(Vector512.Load(y + v) * scales, gradient + v);
        for (; v < V; v++)
            gradient[v] = TReal.CreateTruncating(scale * y[v]);
        return true;
    }

    /// <summary>A register of labels moved up by one, with the last of the block below in front.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> FromBelow(Vector512<double> x, Vector512<double> below) =>
        Avx512F.IsSupported
            ? Avx512F.AlignRight64(x.AsInt64(), below.AsInt64(), 7).AsDouble()
            : Vector512.Create(below[7], x[0], x[1], x[2], x[3], x[4], x[5], x[6]);

    /// <summary>The same moved down by one, with the first of the block above behind.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> FromAbove(Vector512<double> x, Vector512<double> above) =>
        Avx512F.IsSupported
            ? Avx512F.AlignRight64(above.AsInt64(), x.AsInt64(), 1).AsDouble()
            : Vector512.Create(x[1], x[2], x[3], x[4], x[5], x[6], x[7], above[0]);

    /// <summary>The softmax of a frame, and of the labels of some blocks side by side.</summary>
    private double* Gather(int t, int first, int last)
    {
        double* y = Softmax(t),
            emission = emissions;
        var wanted = labels;
        for (int i = first * Lanes, end = Math.Min(S, (last + 1) * Lanes); i < end; i++)
            emission[i] = y[wanted[i]];
        return y;
    }

    /// <summary>Zeros in the blocks on either side of those of a row that were computed: the next frame may look there.</summary>
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
    /// Gives the blocks of a row new exponents, one after the other in the <paramref name="direction"/> in which the recursion
    /// moves on. False where a state that counts is too small for them.
    /// </summary>
    private bool Scale(double* row, int t, long* old, long* renewed, int direction)
    {
        var (first, last) = Band(t);
        var factor = factors + (direction > 0 ? 0 : Lanes - 1);
        var lanes = Vector512.Create(0L, 1, 2, 3, 4, 5, 6, 7);
        var (least, lowLabel, lowBlank, highLabel, highBlank) = (
            Vector512.Create(IntMath.PowerOfTwo(LeastExponent)),
            Vector512.Create(left[t]),
            Vector512.Create(left[t + 1]),
            Vector512.Create(reached[t]),
            Vector512.Create(reached[t - 1] + 1)
        );
        var (start, end) = direction > 0 ? (first, last) : (last, first);
        for (var block = start; block != end + direction; block += direction)
        {
            double* pBlank = row + block * 2 * Lanes,
                pLabel = pBlank + Lanes;
            Vector512<double> b = Vector512.Load(pBlank),
                l = Vector512.Load(pLabel);
            var exponent =
                old[block] + (BitConverter.DoubleToInt64Bits(Largest(Vector512.MaxNative(b, l))) >> 52) - 1023;
            if (block != start)
                exponent = Math.Max(exponent, renewed[block - direction] - NeighbourExponent);
            var shift = old[block] - exponent;
            if (shift is < -1000 or > 1000)
                return false;
            renewed[block] = exponent;
            factor[block * Lanes] =
                block == start ? 1 : IntMath.PowerOfTwo(Math.Max(renewed[block - direction] - exponent, -1000));

            var scale = Vector512.Create(IntMath.PowerOfTwo(shift));
            (b, l) = (b * scale, l * scale);
            b.Store(pBlank);
            l.Store(pLabel);
            var places = lanes + Vector512.Create((long)block * Lanes);
            var tooSmall =
                Vector512.LessThan(b, least).AsInt64()
                    & Vector512.GreaterThanOrEqual(places, lowBlank)
                    & Vector512.LessThanOrEqual(places, highBlank)
                | Vector512.LessThan(l, least).AsInt64()
                    & Vector512.GreaterThanOrEqual(places, lowLabel)
                    & Vector512.LessThanOrEqual(places, highLabel);
            if (tooSmall != Vector512<long>.Zero)
                return false;
        }
        // Blocks that are reached later begin with the exponent of the one that they are reached from.
        for (var block = end + direction; (uint)block < (uint)blocks; block += direction)
        {
            renewed[block] = renewed[end];
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
