using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch's
/// LSTMCell: gate order i, f, g, o. Derivation: LstmCell.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LstmCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
    public LstmCell(int inputs, int hidden, string suffix = "")
        // An open forget gate lets gradients through time from the first step on (Jozefowicz et al. 2015).
        : base(inputs, hidden, gates: 4, states: 2, suffix, bias: (_, i) => i >= hidden && i < 2 * hidden ? 1 : 0) { }

    /// <inheritdoc/>
    internal override unsafe void Gates(
        Span<TReal> gates,
        ReadOnlySpan<TReal> bias,
        ReadOnlySpan<TReal> before,
        Span<TReal> after
    )
    {
        int H = after.Length / 2,
            j = 0;
        fixed (
            TReal* pGates = gates,
                pb = bias,
                pBefore = before,
                pAfter = after
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                Gates<FullVector>(pGates + j, pb + j, pBefore + j, pAfter + j, H, 0);
            if (j < H)
                Gates<PartialVector>(pGates + j, pb + j, pBefore + j, pAfter + j, H, H - j);
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(
        Span<TReal> gates,
        ReadOnlySpan<TReal> before,
        ReadOnlySpan<TReal> after,
        ReadOnlySpan<TReal> dy,
        Span<TReal> dState
    )
    {
        int H = after.Length / 2,
            j = 0;
        fixed (
            TReal* pGates = gates,
                pBefore = before,
                pAfter = after,
                pdy = dy,
                pdState = dState
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                GatesBackward<FullVector>(pGates + j, pBefore + j, pAfter + j, pdy + j, pdState + j, H, 0);
            if (j < H)
                GatesBackward<PartialVector>(pGates + j, pBefore + j, pAfter + j, pdy + j, pdState + j, H, H - j);
        }
    }

    /// <summary>One register's worth of units; everything begins at the first of them, and the parts of a row lie H apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Gates<TAccess>(TReal* pi, TReal* pb, TReal* ph0, TReal* ph, int H, int left)
        where TAccess : struct, IVectorAccess
    {
        TReal* pf = pi + H,
            pg = pf + H,
            po = pg + H,
            bf = pb + H,
            bg = bf + H,
            bo = bg + H,
            pc0 = ph0 + H,
            pc = ph + H;
        var i = VectorMath.Sigmoid(TAccess.Load(pi, left) + TAccess.Load(pb, left)); // F1
        var f = VectorMath.Sigmoid(TAccess.Load(pf, left) + TAccess.Load(bf, left)); // F2
        var g = VectorMath.Tanh(TAccess.Load(pg, left) + TAccess.Load(bg, left)); // F3
        var o = VectorMath.Sigmoid(TAccess.Load(po, left) + TAccess.Load(bo, left)); // F4
        var c = VectorMath.MultiplyAdd(f, TAccess.Load(pc0, left), i * g); // F5
        TAccess.Store(i, pi, left);
        TAccess.Store(f, pf, left);
        TAccess.Store(g, pg, left);
        TAccess.Store(o, po, left);
        TAccess.Store(c, pc, left);
        TAccess.Store(o * VectorMath.Tanh(c), ph, left); // F6
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void GatesBackward<TAccess>(
        TReal* pi,
        TReal* ph0,
        TReal* ph,
        TReal* pdy,
        TReal* pdh,
        int H,
        int left
    )
        where TAccess : struct, IVectorAccess
    {
        TReal* pf = pi + H,
            pg = pf + H,
            po = pg + H,
            pdc = pdh + H;
        var one = Vector512<TReal>.One;
        Vector512<TReal> i = TAccess.Load(pi, left),
            f = TAccess.Load(pf, left),
            g = TAccess.Load(pg, left),
            o = TAccess.Load(po, left);
        var tanhC = VectorMath.Tanh(TAccess.Load(ph + H, left));
        var dh = TAccess.Load(pdy, left) + TAccess.Load(pdh, left); // B1
        var dc = VectorMath.MultiplyAdd(dh * o, one - tanhC * tanhC, TAccess.Load(pdc, left)); // B2
        TAccess.Store(dc * g * i * (one - i), pi, left); // B3
        TAccess.Store(dc * TAccess.Load(ph0 + H, left) * f * (one - f), pf, left); // B4
        TAccess.Store(dc * i * (one - g * g), pg, left); // B5
        TAccess.Store(dh * tanhC * o * (one - o), po, left); // B6
        TAccess.Store(dc * f, pdc, left); // B7
        TAccess.Store(Vector512<TReal>.Zero, pdh, left);
    }
}
