using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// The forward and backward recursions of CTC (Graves et al. 2006) for one utterance, with an exponent per state.
/// Derivation: CtcLoss.md.
/// </summary>
/// <remarks>
/// A probability is mantissa * 2^exponent with a 64-bit exponent, so nothing underflows at any length or confidence,
/// and the recursion takes no logarithms. Zero has an exponent far below all others. Blanks and labels are stored in
/// two arrays: blank i precedes label i, blank S follows the last label. Thus eight neighbouring states of one kind
/// follow the same rule and fill a register.
/// </remarks>
internal readonly unsafe ref struct CtcRecursion
{
    /// <summary>
    /// The exponent of zero, far below any probability: 2^22 frames with logits of +-1e4 stay above half of it.
    /// </summary>
    public const long ZeroExponent = -(1L << 40);

    private const int Lanes = 8;

    private readonly double* mantissa;
    private readonly long* exponent;
    private readonly int S,
        V,
        width,
        frames;
    private readonly int* labels;

    /// <param name="mantissa">At least <see cref="WorkspaceSize"/> doubles.</param>
    /// <param name="exponent">At least <see cref="WorkspaceSize"/> integers.</param>
    /// <param name="labels">[S], none of them the blank.</param>
    /// <param name="S">Number of labels.</param>
    /// <param name="V">Number of symbols.</param>
    /// <param name="frames">Frames of the utterance.</param>
    public CtcRecursion(double* mantissa, long* exponent, int* labels, int S, int V, int frames)
    {
        (this.S, this.V, this.frames, width) = (S, V, frames, RowWidth(S));
        this.mantissa = mantissa;
        this.exponent = exponent;
        this.labels = labels;
    }

    /// <summary>
    /// Elements needed of both arrays: a row of alpha per frame and one before the first, two rows of beta, the
    /// emissions of one frame (symbols, then labels), the skip factors.
    /// </summary>
    public static long WorkspaceSize(int frames, int S, int V) =>
        (frames + 1L + 2) * 2 * RowWidth(S) + IntMath.RoundUp(V, Lanes) + 2L * RowWidth(S);

    // States of one kind, with a zero before them as the label before the first, and a register of zeros after them.
    private static int RowWidth(int S) => IntMath.RoundUp(S + 1, Lanes) + Lanes;

    // Offsets of the parts in both arrays. A row has the blanks, then the labels; label i is its element i + 1.
    private long Alpha(int t) => (t + 1L) * 2 * width;

    private long Beta(int parity) => Alpha(frames) + parity * 2 * width;

    private long Symbols => Beta(2);

    private long Emissions => Symbols + IntMath.RoundUp(V, Lanes);

    private long Skips => Emissions + width;

    /// <summary>
    /// Returns the negative log-likelihood of the labels, and writes its derivative with respect to the logits, times
    /// <paramref name="scale"/>, to <paramref name="gradient"/>. NaN if a logit is NaN or positive infinity, or all of
    /// a frame are negative infinity; infinity if logits of negative infinity leave no alignment. Finite logits more
    /// than 1e6 below the largest of their frame are raised to that.
    /// </summary>
    /// <param name="logits">[frames, V], with stride <paramref name="frameStride"/>.</param>
    /// <param name="frameStride">Elements from one frame to the next.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <param name="gradient">In the layout of the logits; null if only the loss is needed.</param>
    /// <param name="scale">Factor of the gradient.</param>
    public double Run<TReal>(TReal* logits, long frameStride, int blank, TReal* gradient, double scale)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        Prepare();
        for (var t = 0; t < frames; t++)
        {
            if (!Emit(logits + t * frameStride))
                return double.NaN;
            Forward(t, blank);
        }
        var last = Alpha(frames - 1);
        var (total, totalExponent) = Add(
            (mantissa[last + S], exponent[last + S]),
            (mantissa[last + width + S], exponent[last + width + S])
        ); // F5
        if (totalExponent < ZeroExponent / 2)
            return double.PositiveInfinity;
        if (gradient is not null)
        {
            for (var t = frames - 1; t >= 0; t--)
            {
                Emit(logits + t * frameStride);
                Backward(t, blank, total, totalExponent, gradient + t * frameStride, scale);
            }
        }
        return -(Math.Log(total) + totalExponent * Math.Log(2)); // F5
    }

    private void Prepare()
    {
        FillZero(Alpha(-1), 2 * width);
        FillZero(Beta(0), 2 * width * 2);
        FillZero(Emissions, width);
        FillZero(Skips, width);
        for (var t = 0; t < frames; t++)
            FillZero(Alpha(t) + width, 1);
        // The state before the first frame is the first blank; after the last frame, the last blank (F2, B1).
        (mantissa[Alpha(-1)], exponent[Alpha(-1)]) = (1, 0);
        (mantissa[Beta(frames & 1) + S], exponent[Beta(frames & 1) + S]) = (1, 0);
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1])
                exponent[Skips + i] = 0;
    }

    private void FillZero(long start, int count)
    {
        new Span<double>(mantissa + start, count).Fill(1);
        new Span<long>(exponent + start, count).Fill(ZeroExponent);
    }

    /// <summary>Softmax of one frame, F1, per symbol and per label state. False if it is not finite.</summary>
    private bool Emit<TReal>(TReal* logits)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // Local pointers: fields would be loaded again after every store.
        double* symbols = mantissa + Symbols,
            emissions = mantissa + Emissions;
        long* symbolExponents = exponent + Symbols,
            emissionExponents = exponent + Emissions;
        int* wanted = labels;
        var (symbolCount, padded, states) = (V, IntMath.RoundUp(V, Lanes), S);
        for (var v = 0; v < symbolCount; v++)
            symbols[v] = double.CreateTruncating(logits[v]);
        for (var v = symbolCount; v < padded; v++)
            symbols[v] = double.NegativeInfinity;

        var (infinity, below) = (Vector512.Create(double.PositiveInfinity), Vector512.Create(double.NegativeInfinity));
        var (largest, isNumber) = (below, Vector512<double>.AllBitsSet);
        for (var v = 0; v < padded; v += Lanes)
        {
            var x = Vector512.Load(symbols + v);
            largest = Vector512.Max(largest, x);
            isNumber &= Vector512.LessThan(x, infinity);
        }
        var offset = double.NegativeInfinity;
        for (var i = 0; i < Lanes; i++)
            offset = Math.Max(offset, largest[i]);
        if (isNumber.AsInt64() != Vector512<long>.AllBitsSet || double.IsNegativeInfinity(offset))
            return false;

        var sums = Vector512<double>.Zero;
        var magic = VectorMath.RoundingShift<double>();
        var (offsets, least, zero) = (Vector512.Create(offset), Vector512.Create(-1e6), Vector512.Create(ZeroExponent));
        for (var v = 0; v < padded; v += Lanes)
        {
            var x = Vector512.Load(symbols + v);
            var (m, shifted) = VectorMath.ExpParts(Vector512.Max(x - offsets, least));
            var e = shifted.AsInt64() - magic.AsInt64();
            m.Store(symbols + v);
            sums += m * PowerOfTwo(e);
            Vector512.ConditionalSelect(Vector512.Equals(x, below).AsInt64(), zero, e).Store(symbolExponents + v);
        }
        var inverse = Vector512.Create(1 / SumOfLanes(sums));
        for (var v = 0; v < padded; v += Lanes)
            (Vector512.Load(symbols + v) * inverse).Store(symbols + v); // F1
        for (var i = 0; i < states; i++)
        {
            var label = wanted[i];
            emissions[i] = symbols[label];
            emissionExponents[i] = symbolExponents[label];
        }
        return true;
    }

    private void Forward(int t, int blank)
    {
        Row previous = At(Alpha(t - 1)),
            current = At(Alpha(t)),
            previousLabels = At(Alpha(t - 1) + width),
            currentLabels = At(Alpha(t) + width + 1),
            emissions = At(Emissions);
        var skips = exponent + Skips;
        var (blankMantissa, blankExponent) = (
            Vector512.Create(mantissa[Symbols + blank]),
            Vector512.Create(exponent[Symbols + blank])
        );
        var count = IntMath.RoundUp(S + 1, Lanes);
        for (var i = 0; i < count; i += Lanes)
        {
            // Element i of the labels is label i - 1, the one before blank i.
            Number b = previous.Load(i),
                l = previousLabels.Load(i + 1),
                lBefore = previousLabels.Load(i);
            current.Store(i, Times(Sum(b, lBefore), blankMantissa, blankExponent)); // F3
            var skip = new Number(lBefore.Mantissa, lBefore.Exponent + Vector512.Load(skips + i));
            var emission = emissions.Load(i);
            currentLabels.Store(i, Times(Sum(Sum(l, b), skip), emission.Mantissa, emission.Exponent)); // F4
        }
    }

    private void Backward<TReal>(int t, int blank, double total, long totalExponent, TReal* gradient, double scale)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // next has beta times the emission of frame t + 1; current receives that of frame t.
        Row next = At(Beta((t + 1) & 1)),
            nextLabels = At(Beta((t + 1) & 1) + width + 1),
            current = At(Beta(t & 1)),
            currentLabels = At(Beta(t & 1) + width + 1);
        Row alpha = At(Alpha(t)),
            alphaLabels = At(Alpha(t) + width + 1),
            emissions = At(Emissions),
            symbols = At(Symbols);
        long* skips = exponent + Skips;
        int* wanted = labels;
        var (states, symbolCount) = (S, V);
        var (blankMantissa, blankExponent) = (
            Vector512.Create(symbols.Mantissa[blank]),
            Vector512.Create(symbols.Exponent[blank])
        );
        var inverseTotal = Vector512.Create(1 / total);
        var totalExponents = Vector512.Create(totalExponent);
        var blankOccupancy = Vector512<double>.Zero;
        var count = IntMath.RoundUp(states + 1, Lanes);
        for (var i = 0; i < count; i += Lanes)
        {
            Number b = next.Load(i),
                l = nextLabels.Load(i);
            Number bNext = next.Load(i + 1),
                lNext = nextLabels.Load(i + 1);
            var betaBlank = Sum(b, l); // B2
            var skip = new Number(lNext.Mantissa, lNext.Exponent + Vector512.Load(skips + i + 1));
            var betaLabel = Sum(Sum(l, bNext), skip); // B3

            blankOccupancy += Occupancy(alpha.Load(i), betaBlank, inverseTotal, totalExponents); // B4
            var labelOccupancy = Occupancy(alphaLabels.Load(i), betaLabel, inverseTotal, totalExponents);

            current.Store(i, Times(betaBlank, blankMantissa, blankExponent));
            var emission = emissions.Load(i);
            currentLabels.Store(i, Times(betaLabel, emission.Mantissa, emission.Exponent));
            labelOccupancy.Store(alphaLabels.Mantissa + i); // overwrites alpha, which is no longer needed
        }
        // B5: softmax minus occupancy. From here on the mantissas of the symbols are plain numbers.
        var occupancy = symbols.Mantissa;
        for (var v = 0; v < symbolCount; v += Lanes)
            (Vector512.Load(occupancy + v) * PowerOfTwo(Vector512.Load(symbols.Exponent + v))).Store(occupancy + v);
        occupancy[blank] -= SumOfLanes(blankOccupancy);
        var occupied = alphaLabels.Mantissa;
        for (var i = 0; i < states; i++)
            occupancy[wanted[i]] -= occupied[i];
        for (var v = 0; v < symbolCount; v++)
            gradient[v] = TReal.CreateTruncating(scale * occupancy[v]);
    }

    private Row At(long start) => new(mantissa + start, exponent + start);

    /// <summary>Contiguous numbers.</summary>
    private readonly struct Row(double* mantissa, long* exponent)
    {
        public readonly double* Mantissa = mantissa;
        public readonly long* Exponent = exponent;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Number Load(int offset) => new(Vector512.Load(Mantissa + offset), Vector512.Load(Exponent + offset));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(int offset, Number number)
        {
            number.Mantissa.Store(Mantissa + offset);
            number.Exponent.Store(Exponent + offset);
        }
    }

    /// <summary>Eight numbers, mantissa * 2^exponent.</summary>
    private readonly struct Number(Vector512<double> mantissa, Vector512<long> exponent)
    {
        public readonly Vector512<double> Mantissa = mantissa;
        public readonly Vector512<long> Exponent = exponent;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Number Sum(Number x, Number y)
    {
        var largest = Vector512.Max(x.Exponent, y.Exponent);
        return new(
            x.Mantissa * PowerOfTwo(x.Exponent - largest) + y.Mantissa * PowerOfTwo(y.Exponent - largest),
            largest
        );
    }

    /// <summary>The product, with its mantissa normalised to [1, 2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Number Times(Number x, Vector512<double> mantissa, Vector512<long> exponent)
    {
        var bits = (x.Mantissa * mantissa).AsInt64();
        var normalized = (bits & Vector512.Create(0x000FFFFFFFFFFFFFL)) | Vector512.Create(0x3FF0000000000000L);
        return new(normalized.AsDouble(), x.Exponent + exponent + (bits >>> 52) - Vector512.Create(1023L));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Occupancy(
        Number alpha,
        Number beta,
        Vector512<double> inverseTotal,
        Vector512<long> totalExponent
    ) => alpha.Mantissa * beta.Mantissa * inverseTotal * PowerOfTwo(alpha.Exponent + beta.Exponent - totalExponent);

    /// <summary>2^n for n up to 1023; the smallest normal number for n below -1022.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> PowerOfTwo(Vector512<long> n) =>
        IntMath.PowerOfTwo(Vector512.Max(n, Vector512.Create(-1022L)));

    internal static (double Mantissa, long Exponent) Add(
        (double Mantissa, long Exponent) x,
        (double Mantissa, long Exponent) y
    )
    {
        var (large, small) = x.Exponent >= y.Exponent ? (x, y) : (y, x);
        return (
            large.Mantissa + Math.ScaleB(small.Mantissa, (int)Math.Max(small.Exponent - large.Exponent, -2000)),
            large.Exponent
        );
    }

    /// <summary>The sum of the lanes, in an order that does not depend on the register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static double SumOfLanes(Vector512<double> x)
    {
        var four = x.GetLower() + x.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
