using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// The forward and backward recursions of CTC (Graves et al. 2006) for one utterance. Derivation: CtcLoss.md.
/// </summary>
/// <remarks>
/// A probability is mantissa * 2^exponent with a 64-bit exponent for each state, so nothing underflows at any length or
/// confidence, and no logarithm is taken inside the recursion. Zero is a number with an exponent far below all that occur.
/// Blanks and labels are kept in two arrays: blank i stands before label i, blank S after the last; so eight neighbouring
/// states of one kind follow one rule and fill a register.
/// </remarks>
internal readonly unsafe ref struct CtcRecursion
{
    /// <summary>Far below any probability: 2^22 frames with logits of +-1e4 stay above it.</summary>
    public const long ZeroExponent = -(1L << 40);

    private const int Lanes = 8;

    private readonly double* mantissa;
    private readonly long* exponent;
    private readonly int S,
        V,
        width,
        frames;
    private readonly int* labels;

    /// <param name="mantissa">At least <see cref="WorkspaceSize"/> numbers.</param>
    /// <param name="exponent">As many.</param>
    /// <param name="labels">[S], none of them the blank.</param>
    /// <param name="S">Labels.</param>
    /// <param name="V">Symbols.</param>
    /// <param name="frames">Frames of this utterance.</param>
    public CtcRecursion(double* mantissa, long* exponent, int* labels, int S, int V, int frames)
    {
        (this.S, this.V, this.frames, width) = (S, V, frames, RowWidth(S));
        this.mantissa = mantissa;
        this.exponent = exponent;
        this.labels = labels;
    }

    /// <summary>
    /// Numbers needed: a row of alpha for each frame and the one before the first, two rows for beta, the emissions of one
    /// frame (symbols, then labels), the skip rule.
    /// </summary>
    public static long WorkspaceSize(int frames, int S, int V) =>
        (frames + 1L + 2) * 2 * RowWidth(S) + IntMath.RoundUp(V, Lanes) + 2L * RowWidth(S);

    // One kind of states with a zero in front, for "the label before", and a register of zeros behind.
    private static int RowWidth(int S) => IntMath.RoundUp(S + 1, Lanes) + Lanes;

    // Offsets of the parts within both arrays. Rows hold blanks first, then labels; label i stands at place i + 1.
    private long Alpha(int t) => (t + 1L) * 2 * width;

    private long Beta(int parity) => Alpha(frames) + parity * 2 * width;

    private long Symbols => Beta(2);

    private long Emissions => Symbols + IntMath.RoundUp(V, Lanes);

    private long Skips => Emissions + width;

    /// <summary>
    /// Negative log-likelihood of the labels, and into <paramref name="gradient"/> its derivative with respect to the logits
    /// times <paramref name="scale"/>. NaN where a logit is NaN or +infinity, or all of a frame are -infinity; infinity where
    /// logits of -infinity leave no alignment. Finite logits count as at most 1e6 below the largest of their frame.
    /// </summary>
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
        // Before the first frame stands the first blank; after the last frame, the last one (F2, B1).
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

    /// <summary>Softmax of one frame: of every symbol, then of the label of each label state. False if it is not finite.</summary>
    private bool Emit<TReal>(TReal* logits)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // Pointers of its own in each method: through the fields, every store would have them read anew.
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
        Row before = At(Alpha(t - 1)),
            now = At(Alpha(t)),
            labelsBefore = At(Alpha(t - 1) + width),
            labelsNow = At(Alpha(t) + width + 1),
            emissions = At(Emissions);
        var skips = exponent + Skips;
        var (blankMantissa, blankExponent) = (
            Vector512.Create(mantissa[Symbols + blank]),
            Vector512.Create(exponent[Symbols + blank])
        );
        var count = IntMath.RoundUp(S + 1, Lanes);
        for (var i = 0; i < count; i += Lanes)
        {
            // Place i of the labels is label i - 1: the one before blank i.
            Number b = before.Load(i),
                l = labelsBefore.Load(i + 1),
                lBefore = labelsBefore.Load(i);
            now.Store(i, Times(Sum(b, lBefore), blankMantissa, blankExponent)); // F3
            var skip = new Number(lBefore.Mantissa, lBefore.Exponent + Vector512.Load(skips + i));
            var emission = emissions.Load(i);
            labelsNow.Store(i, Times(Sum(Sum(l, b), skip), emission.Mantissa, emission.Exponent)); // F4
        }
    }

    private void Backward<TReal>(int t, int blank, double total, long totalExponent, TReal* gradient, double scale)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        // later holds beta of t + 1 times the emission there; now gets the same of t.
        Row later = At(Beta((t + 1) & 1)),
            laterLabels = At(Beta((t + 1) & 1) + width + 1),
            now = At(Beta(t & 1)),
            nowLabels = At(Beta(t & 1) + width + 1);
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
            Number b = later.Load(i),
                l = laterLabels.Load(i);
            Number bNext = later.Load(i + 1),
                lNext = laterLabels.Load(i + 1);
            var betaBlank = Sum(b, l); // B2
            var skip = new Number(lNext.Mantissa, lNext.Exponent + Vector512.Load(skips + i + 1));
            var betaLabel = Sum(Sum(l, bNext), skip); // B3

            blankOccupancy += Occupancy(alpha.Load(i), betaBlank, inverseTotal, totalExponents); // B4
            var labelOccupancy = Occupancy(alphaLabels.Load(i), betaLabel, inverseTotal, totalExponents);

            now.Store(i, Times(betaBlank, blankMantissa, blankExponent));
            var emission = emissions.Load(i);
            nowLabels.Store(i, Times(betaLabel, emission.Mantissa, emission.Exponent));
            labelOccupancy.Store(alphaLabels.Mantissa + i); // alpha is not needed any more
        }
        // B5: softmax minus occupancy. From here on the symbols' places hold plain numbers.
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

    /// <summary>Numbers side by side.</summary>
    private readonly struct Row(double* mantissa, long* exponent)
    {
        public readonly double* Mantissa = mantissa;
        public readonly long* Exponent = exponent;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Number Load(int place) => new(Vector512.Load(Mantissa + place), Vector512.Load(Exponent + place));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(int place, Number number)
        {
            number.Mantissa.Store(Mantissa + place);
            number.Exponent.Store(Exponent + place);
        }
    }

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

    /// <summary>The product, its mantissa brought back to [1, 2).</summary>
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

    /// <summary>2^n for n up to 1023; what is below the normal numbers becomes the smallest of them, which is next to nothing.</summary>
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

    /// <summary>In an order that is the same for every register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static double SumOfLanes(Vector512<double> x)
    {
        var four = x.GetLower() + x.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
