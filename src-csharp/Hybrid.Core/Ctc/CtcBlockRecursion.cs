using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
    private const int Period = 4, LeastExponent = -560, NeighbourExponent = 400, OccupancyExponent = 800;

    private readonly double* memory;
    private readonly long* exponents;
    private readonly int* labels;
    private readonly int S, V, frames, blocks, width;

    /// <param name="memory">At least as many numbers as <see cref="Space"/> says.</param>
    /// <param name="exponents">And as many integers.</param>
    /// <param name="labels">[S], none of them the blank.</param>
    /// <param name="S">Labels.</param>
    /// <param name="V">Symbols.</param>
    /// <param name="frames">Frames of this utterance, as many as the labels need.</param>
    public CtcBlockRecursion(double* memory, long* exponents, int* labels, int S, int V, int frames)
    {
        this.memory = memory;
        this.exponents = exponents;
        this.labels = labels;
        (this.S, this.V, this.frames, blocks, width) = (S, V, frames, Blocks(S), Width(S));
    }

    /// <summary>
    /// Numbers: a row of alpha for each frame and the one before the first, two rows for beta, the softmax of each frame,
    /// emissions, skip rule, factors between neighbours. Integers: exponents of alpha, once a period, and of beta, and for each
    /// frame the first and the last label.
    /// </summary>
    public static (long Numbers, long Integers) Space(int frames, int S, int V) =>
        ((frames + 3L) * 2 * Width(S) + (long)frames * Symbols(V) + 3L * Width(S) + Blocks(S) * Lanes, (frames / Period + 2L) * Blocks(S) + 2 * (frames + 2L));

    private static int Blocks(int S) => S / Lanes + 1;

    // One kind of states with a zero in front, for "the label before", and a register of zeros behind.
    private static int Width(int S) => (Blocks(S) + 1) * Lanes;

    private static int Symbols(int V) => (V + Lanes - 1) / Lanes * Lanes;

    // Rows hold blanks first, then labels; label i stands at place i + 1.
    private double* Alpha(int t) => memory + (t + 1L) * 2 * width;

    private double* Beta(int parity) => Alpha(frames) + parity * 2 * width;

    private double* Softmax(int t) => Beta(2) + (long)t * Symbols(V);

    private double* Emissions => Softmax(frames);

    private double* Skips => Emissions + width;

    private double* Factors => Skips + 2 * width;

    /// <summary>The exponents of alpha at frame <paramref name="t"/>.</summary>
    private long* AlphaExponents(int t) => exponents + (long)((t + 1) / Period) * blocks;

    private long* BetaExponents => exponents + (frames / Period + 1L) * blocks;

    /// <summary>For frames -1 to T: the last label that can be reached by then, and the first that can be left from there.</summary>
    private long* Reached => BetaExponents + blocks + 1;

    private long* Left => Reached + frames + 2;

    /// <summary>The blocks that an alignment can be in at frame <paramref name="t"/>.</summary>
    private (int First, int Last) Band(int t) => ((int)Left[t] / Lanes, (int)(Reached[t - 1] + 1) / Lanes);

    /// <summary>
    /// Negative log-likelihood of the labels, and into <paramref name="gradient"/> its derivative with respect to the logits
    /// times <paramref name="scale"/>. False where the range of blocks does not do; what the gradient then holds means nothing.
    /// </summary>
    public bool TryRun<R>(R* logits, long frameStride, int blank, R* gradient, double scale, out double loss) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        loss = double.NaN;
        Prepare();
        for (var t = 0; t < frames; t++)
        {
            if (!Emit(logits + t * frameStride, Softmax(t))) return false;
            Forward(t, blank);
            if ((t + 1) % Period == 0 && !Scale(Alpha(t), t, AlphaExponents(t - 1), AlphaExponents(t), 1)) return false;
        }
        var last = frames - 1;
        var lastExponents = AlphaExponents(last);
        var (total, totalExponent) = (Alpha(last)[S], lastExponents[S / Lanes]);
        if (S > 0) (total, totalExponent) = CtcRecursion.Add((total, totalExponent), (Alpha(last)[width + S], lastExponents[(S - 1) / Lanes])); // F5
        loss = -(Math.Log(total) + totalExponent * Math.Log(2)); // F5
        if (gradient is null) return true;

        new Span<double>(Factors, blocks * Lanes).Fill(1);
        for (var t = last; t >= 0; t--)
        {
            if (t < last && (last - t) % Period == 0 && !Scale(Beta(t + 1 & 1), t + 1, BetaExponents, BetaExponents, -1)) return false;
            if (!Backward(t, blank, total, totalExponent, gradient + t * frameStride, scale)) return false;
        }
        return true;
    }

    private void Prepare()
    {
        new Span<double>(Alpha(-1), 2 * width).Clear();
        new Span<double>(Beta(0), 2 * 2 * width).Clear();
        new Span<double>(Emissions, 3 * width).Clear();
        new Span<double>(Factors, blocks * Lanes).Fill(1);
        new Span<long>(AlphaExponents(-1), blocks).Clear();
        new Span<long>(BetaExponents, blocks).Clear();
        // Before the first frame stands the first blank; after the last frame, the last one (F2, B1).
        Alpha(-1)[0] = 1;
        Beta(frames & 1)[S] = 1;
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1]) Skips[i] = 1;
        // Each label takes a frame, and a blank between equal ones another.
        Reached[-1] = -1;
        for (int t = 0, wait = 0, i = -1; t <= frames; t++)
        {
            if (i + 1 < S && i >= 0 && Skips[i + 1] == 0 && wait == 0) wait = 1;
            else if (i + 1 < S) (i, wait) = (i + 1, 0);
            Reached[t] = i;
        }
        Left[frames] = S;
        for (int t = frames - 1, wait = 0, i = S; t >= -1; t--)
        {
            if (i < S && i > 0 && Skips[i] == 0 && wait == 0) wait = 1;
            else if (i > 0) (i, wait) = (i - 1, 0);
            Left[t] = i;
        }
    }

    /// <summary>Softmax of one frame, F1. False where a symbol is too improbable, or a logit not finite.</summary>
    private bool Emit<R>(R* logits, double* y) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        int symbols = V, padded = Symbols(V), whole = symbols / Lanes * Lanes;
        for (var v = 0; v < whole; v += Lanes) Widen(logits + v).Store(y + v);
        for (var v = whole; v < symbols; v++) y[v] = double.CreateTruncating(logits[v]);
        for (var v = symbols; v < padded; v++) y[v] = y[0];
        var largest = Vector512.Load(y);
        for (var v = Lanes; v < padded; v += Lanes) largest = Vector512.Max(largest, Vector512.Load(y + v));
        var offset = largest[0];
        for (var i = 1; i < Lanes; i++) offset = Math.Max(offset, largest[i]);

        var (offsets, sums, smallest) = (Vector512.Create(offset), Vector512<double>.Zero, Vector512<double>.One);
        for (var v = 0; v < padded; v += Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(y + v) - offsets);
            smallest = Vector512.Min(smallest, e); // of NaN, NaN
            e.Store(y + v);
            if (v < whole) sums += e;
        }
        var sum = CtcRecursion.SumInOrder(sums);
        for (var v = whole; v < symbols; v++) sum += y[v];
        var inverse = Vector512.Create(1 / sum);
        for (var v = 0; v < padded; v += Lanes) (Vector512.Load(y + v) * inverse).Store(y + v);
        return Vector512.GreaterThanAll(smallest, Vector512.Create(PowerOfTwo(-64))); // and y above 2^-80, there being at most 2^16 symbols
    }

    private void Forward(int t, int blank)
    {
        double* before = Alpha(t - 1), labelsBefore = before + width, now = Alpha(t), labelsNow = now + width + 1;
        double* emissions = Emissions, skips = Skips, factors = Factors;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        for (var i = first * Lanes; i <= last * Lanes; i += Lanes)
        {
            // Place i of the labels is label i - 1: the one before blank i. The first of them is the neighbour's.
            Vector512<double> b = Vector512.Load(before + i), l = Vector512.Load(labelsBefore + i + 1), lBefore = Vector512.Load(labelsBefore + i) * Vector512.Load(factors + i);
            ((b + lBefore) * blankEmission).Store(now + i); // F3
            (VectorMath.MultiplyAdd(lBefore, Vector512.Load(skips + i), l + b) * Vector512.Load(emissions + i)).Store(labelsNow + i); // F4
        }
        ClearBeside(now, first, last);
    }

    private bool Backward<R>(int t, int blank, double total, long totalExponent, R* gradient, double scale) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        // later holds beta of t + 1 times the emission there; now gets the same of t.
        double* later = Beta(t + 1 & 1), laterLabels = later + width + 1, now = Beta(t & 1), nowLabels = now + width + 1;
        double* alpha = Alpha(t), alphaLabels = alpha + width + 1, emissions = Emissions, skips = Skips, factors = Factors;
        long* alphaExponents = AlphaExponents(t), betaExponents = BetaExponents;
        var (first, last) = Band(t);
        var y = Gather(t, first, last);
        var blankEmission = Vector512.Create(y[blank]);
        var blankOccupancy = Vector512<double>.Zero;
        for (var block = first; block <= last; block++)
        {
            var i = block * Lanes;
            Vector512<double> b = Vector512.Load(later + i), l = Vector512.Load(laterLabels + i), factor = Vector512.Load(factors + i);
            Vector512<double> bNext = Vector512.Load(later + i + 1) * factor, lNext = Vector512.Load(laterLabels + i + 1) * factor;
            var betaBlank = b + l; // B2
            var betaLabel = VectorMath.MultiplyAdd(lNext, Vector512.Load(skips + i + 1), l + bNext); // B3

            var exponent = alphaExponents[block] + betaExponents[block] - totalExponent;
            if (exponent > OccupancyExponent) return false;
            var share = Vector512.Create(PowerOfTwo(Math.Max(exponent, -1000)) / total);
            blankOccupancy += Vector512.Load(alpha + i) * betaBlank * share; // B4
            var labelOccupancy = Vector512.Load(alphaLabels + i) * betaLabel * share;

            (betaBlank * blankEmission).Store(now + i);
            (betaLabel * Vector512.Load(emissions + i)).Store(nowLabels + i);
            labelOccupancy.Store(alphaLabels + i); // alpha is not needed any more
        }
        ClearBeside(now, first, last);

        // B5: softmax minus occupancy.
        var wanted = labels;
        y[blank] -= CtcRecursion.SumInOrder(blankOccupancy);
        for (int i = (int)Left[t], end = (int)Reached[t]; i <= end; i++) y[wanted[i]] -= alphaLabels[i];
        var (v, scales) = (0, Vector512.Create(scale));
        for (; v + Lanes <= V; v += Lanes) Narrow(Vector512.Load(y + v) * scales, gradient + v);
        for (; v < V; v++) gradient[v] = R.CreateTruncating(scale * y[v]);
        return true;
    }

    /// <summary>The softmax of a frame, and of the labels of some blocks side by side.</summary>
    private double* Gather(int t, int first, int last)
    {
        double* y = Softmax(t), emissions = Emissions;
        var wanted = labels;
        for (int i = first * Lanes, end = Math.Min(S, (last + 1) * Lanes); i < end; i++) emissions[i] = y[wanted[i]];
        return y;
    }

    /// <summary>Zeros in the blocks on either side of those of a row that were computed: the next frame may look there.</summary>
    private void ClearBeside(double* row, int first, int last)
    {
        if (first > 0) Clear(row, first - 1);
        if (last + 1 < blocks) Clear(row, last + 1);
    }

    private void Clear(double* row, int block)
    {
        Vector512<double>.Zero.Store(row + block * Lanes);
        Vector512<double>.Zero.Store(row + width + 1 + block * Lanes);
    }

    /// <summary>
    /// Gives the blocks of a row new exponents, one after the other in the <paramref name="direction"/> in which the recursion
    /// moves on. False where a state that counts is too small for them.
    /// </summary>
    private bool Scale(double* row, int t, long* old, long* renewed, int direction)
    {
        var (first, last) = Band(t);
        var factors = Factors + (direction > 0 ? 0 : Lanes - 1);
        var lanes = Vector512.Create(0L, 1, 2, 3, 4, 5, 6, 7);
        var (least, lowLabel, lowBlank, highLabel, highBlank) =
            (Vector512.Create(PowerOfTwo(LeastExponent)), Vector512.Create(Left[t]), Vector512.Create(Left[t + 1]), Vector512.Create(Reached[t]), Vector512.Create(Reached[t - 1] + 1));
        var (start, end) = direction > 0 ? (first, last) : (last, first);
        for (var block = start; block != end + direction; block += direction)
        {
            double* pBlank = row + block * Lanes, pLabel = row + width + 1 + block * Lanes;
            Vector512<double> b = Vector512.Load(pBlank), l = Vector512.Load(pLabel), both = Vector512.Max(b, l);
            var largest = both[0];
            for (var i = 1; i < Lanes; i++) largest = Math.Max(largest, both[i]);
            var exponent = old[block] + (BitConverter.DoubleToInt64Bits(largest) >> 52) - 1023;
            if (block != start) exponent = Math.Max(exponent, renewed[block - direction] - NeighbourExponent);
            var shift = old[block] - exponent;
            if (shift is < -1000 or > 1000) return false;
            renewed[block] = exponent;
            factors[block * Lanes] = block == start ? 1 : PowerOfTwo(Math.Max(renewed[block - direction] - exponent, -1000));

            var scale = Vector512.Create(PowerOfTwo(shift));
            (b, l) = (b * scale, l * scale);
            b.Store(pBlank);
            l.Store(pLabel);
            var places = lanes + Vector512.Create((long)block * Lanes);
            var tooSmall = Vector512.LessThan(b, least).AsInt64() & Vector512.GreaterThanOrEqual(places, lowBlank) & Vector512.LessThanOrEqual(places, highBlank)
                | Vector512.LessThan(l, least).AsInt64() & Vector512.GreaterThanOrEqual(places, lowLabel) & Vector512.LessThanOrEqual(places, highLabel);
            if (tooSmall != Vector512<long>.Zero) return false;
        }
        // Blocks that are reached later begin with the exponent of the one that they are reached from.
        for (var block = end + direction; (uint)block < (uint)blocks; block += direction)
        {
            renewed[block] = renewed[end];
            factors[block * Lanes] = 1;
        }
        return true;
    }

    /// <summary>2^n for n in -1022..1023.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double PowerOfTwo(long n) => BitConverter.Int64BitsToDouble(n + 1023 << 52);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen<R>(R* source) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        if (typeof(R) == typeof(double)) return Vector512.Load((double*)source);
        var (low, high) = Vector256.Widen(Vector256.Load((float*)source));
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Narrow<R>(Vector512<double> value, R* target) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        if (typeof(R) == typeof(double)) value.Store((double*)target);
        else Vector256.Narrow(value.GetLower(), value.GetUpper()).Store((float*)target);
    }
}
