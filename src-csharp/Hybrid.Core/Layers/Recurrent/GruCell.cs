using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) as PyTorch has it: gate order r, z, n, and the reset gate applied after the
/// recurrent product. Derivation: GruCell.md.
/// </summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class GruCell<R> : Cell<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
    public GruCell(int inputs, int hidden, string suffix = "")
        : base(inputs, hidden, gates: 3, states: 1, suffix, lastApart: true) // r stands between the products of n
    {
    }

    /// <inheritdoc/>
    internal override void SumBiases(Span<R> bias)
    {
        base.SumBiases(bias);
        BiasIh.Value.AsSpan(2 * Hidden).CopyTo(bias[(2 * Hidden)..]); // that of n on the recurrent side goes through r
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(Span<R> gates, ReadOnlySpan<R> bias, ReadOnlySpan<R> before, Span<R> after)
    {
        int H = after.Length, j = 0;
        fixed (R* pGates = gates, pb = bias, pBefore = before, pAfter = after, pbHidden = BiasHh.Value)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) Gates<Whole>(pGates + j, pb + j, pbHidden + j, pBefore + j, pAfter + j, H, 0);
            if (j < H) Gates<Rest>(pGates + j, pb + j, pbHidden + j, pBefore + j, pAfter + j, H, H - j);
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(Span<R> gates, ReadOnlySpan<R> before, ReadOnlySpan<R> after, ReadOnlySpan<R> dy, Span<R> dState)
    {
        int H = after.Length, j = 0;
        fixed (R* pGates = gates, pBefore = before, pdy = dy, pdh = dState)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) GatesBackward<Whole>(pGates + j, pBefore + j, pdy + j, pdh + j, H, 0);
            if (j < H) GatesBackward<Rest>(pGates + j, pBefore + j, pdy + j, pdh + j, H, H - j);
        }
    }

    /// <summary>One register's worth of units; everything begins at the first of them, and the parts of a row lie H apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Gates<TExtent>(R* pr, R* pb, R* pbHidden, R* ph0, R* ph, int H, int left) where TExtent : struct, IExtent
    {
        R* pz = pr + H, pn = pz + H, pm = pn + H;
        var r = VectorMath.Sigmoid(TExtent.Load(pr, left) + TExtent.Load(pb, left)); // F1
        var z = VectorMath.Sigmoid(TExtent.Load(pz, left) + TExtent.Load(pb + H, left)); // F2
        var m = TExtent.Load(pm, left) + TExtent.Load(pbHidden + 2 * H, left); // F3
        var n = VectorMath.Tanh(VectorMath.MultiplyAdd(r, m, TExtent.Load(pn, left) + TExtent.Load(pb + 2 * H, left))); // F4
        TExtent.Store(r, pr, left);
        TExtent.Store(z, pz, left);
        TExtent.Store(n, pn, left);
        TExtent.Store(m, pm, left);
        TExtent.Store(VectorMath.MultiplyAdd(z, TExtent.Load(ph0, left) - n, n), ph, left); // F5
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void GatesBackward<TExtent>(R* pr, R* ph0, R* pdy, R* pdh, int H, int left) where TExtent : struct, IExtent
    {
        R* pz = pr + H, pn = pz + H, pm = pn + H;
        var one = Vector512<R>.One;
        Vector512<R> r = TExtent.Load(pr, left), z = TExtent.Load(pz, left), n = TExtent.Load(pn, left), m = TExtent.Load(pm, left);
        var dh = TExtent.Load(pdy, left) + TExtent.Load(pdh, left); // B1
        var daZ = dh * (TExtent.Load(ph0, left) - n) * z * (one - z); // B2
        var daN = dh * (one - z) * (one - n * n); // B3
        var daR = daN * m * r * (one - r); // B4
        TExtent.Store(daR, pr, left);
        TExtent.Store(daZ, pz, left);
        TExtent.Store(daN, pn, left);
        TExtent.Store(daN * r, pm, left); // B5
        TExtent.Store(dh * z, pdh, left); // B6
    }
}
