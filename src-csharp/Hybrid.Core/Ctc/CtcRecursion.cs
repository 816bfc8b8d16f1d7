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
    private readonly int S, V, width, frames;
    private readonly int* labels;

    /// <param name="mantissa">At least <see cref="Space"/> numbers.</param>
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
    public static long Space(int frames, int S, int V) => (frames + 1L + 2) * 2 * RowWidth(S) + RoundUp(V) + 2L * RowWidth(S);

    private static int RoundUp(int value) => (value + Lanes - 1) / Lanes * Lanes;

    // One kind of states with a zero in front, for "the label before", and a register of zeros behind.
    private static int RowWidth(int S) => RoundUp(S + 1) + Lanes;

    // Offsets of the parts within both arrays. Rows hold blanks first, then labels; label i stands at place i + 1.
    private long Alpha(int t) => (t + 1L) * 2 * width;

    private long Beta(int parity) => Alpha(frames) + parity * 2 * width;

    private long Symbols => Beta(2);

    private long Emissions => Symbols + RoundUp(V);

    private long Skips => Emissions + width;

    /// <summary>
    /// Negative log-likelihood of the labels, and into <paramref name="gradient"/> its derivative with respect to the logits
    /// times <paramref name="scale"/>. NaN where a logit is NaN or +infinity, or all of a frame are -infinity; infinity where
    /// logits of -infinity leave no alignment. Finite logits count as at most 1e6 below the largest of their frame.
    /// </summary>
    public double Run<R>(R* logits, long frameStride, int blank, R* gradient, double scale) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        Prepare();
        for (var t = 0; t < frames; t++)
        {
            if (!Emit(logits + t * frameStride)) return double.NaN;
            Forward(t, blank);
        }
        var last = Alpha(frames - 1);
        var (total, totalExponent) = Add((mantissa[last + S], exponent[last + S]), (mantissa[last + width + S], exponent[last + width + S])); // F5
        if (totalExponent < ZeroExponent / 2) return double.PositiveInfinity;
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
        for (var t = 0; t < frames; t++) FillZero(Alpha(t) + width, 1);
        // Before the first frame stands the first blank; after the last frame, the last one (F2, B1).
        (mantissa[Alpha(-1)], exponent[Alpha(-1)]) = (1, 0);
        (mantissa[Beta(frames & 1) + S], exponent[Beta(frames & 1) + S]) = (1, 0);
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1]) exponent[Skips + i] = 0;
    }

    private void FillZero(long start, int count)
    {
        new Span<double>(mantissa + start, count).Fill(1);
        new Span<long>(exponent + start, count).Fill(ZeroExponent);
    }

    /// <summary>Softmax of one frame: of every symbol, then of the label of each label state. False if it is not finite.</summary>
    private bool Emit<R>(R* logits) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        double* symbolMantissa = mantissa + Symbols;
        long* symbolExponent = exponent + Symbols;
        var largest = R.NegativeInfinity;
        for (var v = 0; v < V; v++) largest = R.Max(largest, logits[v]); // NaN wins
        if (!R.IsFinite(largest)) return false;
        var offset = double.CreateTruncating(largest);
        for (var v = 0; v < V; v++)
            symbolMantissa[v] = Math.Max(double.CreateTruncating(logits[v]) - offset, -1e6);
        for (var v = V; v < RoundUp(V); v++) symbolMantissa[v] = -1e6;

        var sums = Vector512<double>.Zero;
        var magic = VectorMath.RoundingShift<double>();
        for (var v = 0; v < V; v += Lanes)
        {
            var (m, shifted) = VectorMath.ExpParts(Vector512.Load(symbolMantissa + v));
            var e = shifted.AsInt64() - magic.AsInt64();
            m.Store(symbolMantissa + v);
            e.Store(symbolExponent + v);
            sums += m * PowerOfTwo(e);
        }
        var inverse = 1 / SumInOrder(sums);
        for (var v = 0; v < V; v++)
        {
            symbolMantissa[v] *= inverse; // F1
            if (R.IsNegativeInfinity(logits[v])) symbolExponent[v] = ZeroExponent;
        }
        for (var i = 0; i < S; i++)
        {
            mantissa[Emissions + i] = symbolMantissa[labels[i]];
            exponent[Emissions + i] = symbolExponent[labels[i]];
        }
        return true;
    }

    private void Forward(int t, int blank)
    {
        long before = Alpha(t - 1), now = Alpha(t);
        var blankMantissa = Vector512.Create(mantissa[Symbols + blank]);
        var blankExponent = Vector512.Create(exponent[Symbols + blank]);
        for (var i = 0; i < RoundUp(S + 1); i += Lanes)
        {
            // Place i of the labels is label i - 1: the one before blank i.
            Number b = Load(before + i), l = Load(before + width + i + 1), lBefore = Load(before + width + i);
            Store(now + i, Times(Sum(b, lBefore), blankMantissa, blankExponent)); // F3
            var skip = new Number(lBefore.Mantissa, lBefore.Exponent + Vector512.Load(exponent + Skips + i));
            Store(now + width + i + 1, Times(Sum(Sum(l, b), skip), Vector512.Load(mantissa + Emissions + i), Vector512.Load(exponent + Emissions + i))); // F4
        }
    }

    private void Backward<R>(int t, int blank, double total, long totalExponent, R* gradient, double scale) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        // later holds beta of t + 1 times the emission there; now gets the same of t.
        long later = Beta((t + 1) & 1), now = Beta(t & 1), alpha = Alpha(t);
        var blankMantissa = Vector512.Create(mantissa[Symbols + blank]);
        var blankExponent = Vector512.Create(exponent[Symbols + blank]);
        var inverseTotal = Vector512.Create(1 / total);
        var totalExponents = Vector512.Create(totalExponent);
        var blankOccupancy = Vector512<double>.Zero;
        Span<double> occupancy = new(mantissa + Symbols, V);
        for (var i = 0; i < RoundUp(S + 1); i += Lanes)
        {
            Number b = Load(later + i), l = Load(later + width + i + 1);
            Number bNext = Load(later + i + 1), lNext = Load(later + width + i + 2);
            var betaBlank = Sum(b, l); // B2
            var skip = new Number(lNext.Mantissa, lNext.Exponent + Vector512.Load(exponent + Skips + i + 1));
            var betaLabel = Sum(Sum(l, bNext), skip); // B3

            blankOccupancy += Occupancy(Load(alpha + i), betaBlank, inverseTotal, totalExponents); // B4
            var labelOccupancy = Occupancy(Load(alpha + width + i + 1), betaLabel, inverseTotal, totalExponents);

            Store(now + i, Times(betaBlank, blankMantissa, blankExponent));
            Store(now + width + i + 1, Times(betaLabel, Vector512.Load(mantissa + Emissions + i), Vector512.Load(exponent + Emissions + i)));
            labelOccupancy.Store(mantissa + alpha + width + i + 1); // alpha is not needed any more
        }
        // B5: softmax minus occupancy. From here on the symbols' places hold plain numbers.
        for (var v = Symbols; v < Symbols + V; v += Lanes) (Vector512.Load(mantissa + v) * PowerOfTwo(Vector512.Load(exponent + v))).Store(mantissa + v);
        occupancy[blank] -= SumInOrder(blankOccupancy);
        for (var i = 0; i < S; i++) occupancy[labels[i]] -= mantissa[alpha + width + i + 1];
        for (var v = 0; v < V; v++) gradient[v] = R.CreateTruncating(scale * occupancy[v]);
    }

    private readonly struct Number(Vector512<double> mantissa, Vector512<long> exponent)
    {
        public readonly Vector512<double> Mantissa = mantissa;
        public readonly Vector512<long> Exponent = exponent;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Number Load(long place) => new(Vector512.Load(mantissa + place), Vector512.Load(exponent + place));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store(long place, Number number)
    {
        number.Mantissa.Store(mantissa + place);
        number.Exponent.Store(exponent + place);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Number Sum(Number x, Number y)
    {
        var largest = Vector512.Max(x.Exponent, y.Exponent);
        return new(x.Mantissa * PowerOfTwo(x.Exponent - largest) + y.Mantissa * PowerOfTwo(y.Exponent - largest), largest);
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
    private static Vector512<double> Occupancy(Number alpha, Number beta, Vector512<double> inverseTotal, Vector512<long> totalExponent) =>
        alpha.Mantissa * beta.Mantissa * inverseTotal * PowerOfTwo(alpha.Exponent + beta.Exponent - totalExponent);

    /// <summary>2^n for n up to 1023; what is below the normal numbers becomes the smallest of them, which is next to nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> PowerOfTwo(Vector512<long> n) =>
        ((Vector512.Max(n, Vector512.Create(-1022L)) + Vector512.Create(1023L)) << 52).AsDouble();

    private static (double Mantissa, long Exponent) Add((double Mantissa, long Exponent) x, (double Mantissa, long Exponent) y)
    {
        var (large, small) = x.Exponent >= y.Exponent ? (x, y) : (y, x);
        return (large.Mantissa + Math.ScaleB(small.Mantissa, (int)Math.Max(small.Exponent - large.Exponent, -2000)), large.Exponent);
    }

    /// <summary>The lanes one after the other, so that the sum has the same bits for every register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double SumInOrder(Vector512<double> x)
    {
        var sum = 0.0;
        for (var i = 0; i < Lanes; i++) sum += x[i];
        return sum;
    }
}
