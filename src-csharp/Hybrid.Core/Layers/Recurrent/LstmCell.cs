using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch's
/// LSTMCell: gate order i, f, g, o. Derivation: LstmCell.md.
/// </summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class LstmCell<R> : Cell<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
    public LstmCell(int inputs, int hidden, string suffix = "")
        // An open forget gate lets gradients through time from the first step on (Jozefowicz et al. 2015).
        : base(inputs, hidden, gates: 4, states: 2, suffix, bias: (_, i) => i >= hidden && i < 2 * hidden ? 1 : 0)
    {
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(Span<R> gates, ReadOnlySpan<R> bias, ReadOnlySpan<R> before, Span<R> after)
    {
        int H = after.Length / 2, j = 0;
        fixed (R* pGates = gates, pb = bias, pBefore = before, pAfter = after)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) Gates<Whole>(pGates + j, pb + j, pBefore + j, pAfter + j, H, 0);
            if (j < H) Gates<Rest>(pGates + j, pb + j, pBefore + j, pAfter + j, H, H - j);
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(Span<R> gates, ReadOnlySpan<R> before, ReadOnlySpan<R> after, ReadOnlySpan<R> dy, Span<R> dState)
    {
        int H = after.Length / 2, j = 0;
        fixed (R* pGates = gates, pBefore = before, pAfter = after, pdy = dy, pdState = dState)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) GatesBackward<Whole>(pGates + j, pBefore + j, pAfter + j, pdy + j, pdState + j, H, 0);
            if (j < H) GatesBackward<Rest>(pGates + j, pBefore + j, pAfter + j, pdy + j, pdState + j, H, H - j);
        }
    }

    /// <summary>One register's worth of units; everything begins at the first of them, and the parts of a row lie H apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Gates<TExtent>(R* pi, R* pb, R* ph0, R* ph, int H, int left) where TExtent : struct, IExtent
    {
        R* pf = pi + H, pg = pf + H, po = pg + H, bf = pb + H, bg = bf + H, bo = bg + H, pc0 = ph0 + H, pc = ph + H;
        var i = VectorMath.Sigmoid(TExtent.Load(pi, left) + TExtent.Load(pb, left)); // F1
        var f = VectorMath.Sigmoid(TExtent.Load(pf, left) + TExtent.Load(bf, left)); // F2
        var g = VectorMath.Tanh(TExtent.Load(pg, left) + TExtent.Load(bg, left)); // F3
        var o = VectorMath.Sigmoid(TExtent.Load(po, left) + TExtent.Load(bo, left)); // F4
        var c = VectorMath.MultiplyAdd(f, TExtent.Load(pc0, left), i * g); // F5
        TExtent.Store(i, pi, left);
        TExtent.Store(f, pf, left);
        TExtent.Store(g, pg, left);
        TExtent.Store(o, po, left);
        TExtent.Store(c, pc, left);
        TExtent.Store(o * VectorMath.Tanh(c), ph, left); // F6
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void GatesBackward<TExtent>(R* pi, R* ph0, R* ph, R* pdy, R* pdh, int H, int left) where TExtent : struct, IExtent
    {
        R* pf = pi + H, pg = pf + H, po = pg + H, pdc = pdh + H;
        var one = Vector512<R>.One;
        Vector512<R> i = TExtent.Load(pi, left), f = TExtent.Load(pf, left), g = TExtent.Load(pg, left), o = TExtent.Load(po, left);
        var tanhC = VectorMath.Tanh(TExtent.Load(ph + H, left));
        var dh = TExtent.Load(pdy, left) + TExtent.Load(pdh, left); // B1
        var dc = VectorMath.MultiplyAdd(dh * o, one - tanhC * tanhC, TExtent.Load(pdc, left)); // B2
        TExtent.Store(dc * g * i * (one - i), pi, left); // B3
        TExtent.Store(dc * TExtent.Load(ph0 + H, left) * f * (one - f), pf, left); // B4
        TExtent.Store(dc * i * (one - g * g), pg, left); // B5
        TExtent.Store(dh * tanhC * o * (one - o), po, left); // B6
        TExtent.Store(dc * f, pdc, left); // B7
        TExtent.Store(Vector512<R>.Zero, pdh, left);
    }
}
