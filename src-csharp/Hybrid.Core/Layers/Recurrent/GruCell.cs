using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) as PyTorch has it: gate order r, z, n, and the reset gate applied after the
/// recurrent product. Derivation: GruCell.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class GruCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
    public GruCell(int inputs, int hidden, string suffix = "")
        : base(inputs, hidden, gates: 3, states: 1, suffix, lastApart: true) // r stands between the products of n
    { }

    /// <inheritdoc/>
    internal override void SumBiases(Span<TReal> bias)
    {
        base.SumBiases(bias);
        BiasIh.Value.AsSpan(2 * Hidden).CopyTo(bias[(2 * Hidden)..]); // that of n on the recurrent side goes through r
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(
        Span<TReal> gates,
        ReadOnlySpan<TReal> bias,
        ReadOnlySpan<TReal> before,
        Span<TReal> after
    )
    {
        int H = after.Length,
            j = 0;
        fixed (
            TReal* pGates = gates,
                pb = bias,
                pBefore = before,
                pAfter = after,
                pbHidden = BiasHh.Value
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                Gates<FullVector>(pGates + j, pb + j, pbHidden + j, pBefore + j, pAfter + j, H, 0);
            if (j < H)
                Gates<PartialVector>(pGates + j, pb + j, pbHidden + j, pBefore + j, pAfter + j, H, H - j);
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
        int H = after.Length,
            j = 0;
        fixed (
            TReal* pGates = gates,
                pBefore = before,
                pdy = dy,
                pdh = dState
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                GatesBackward<FullVector>(pGates + j, pBefore + j, pdy + j, pdh + j, H, 0);
            if (j < H)
                GatesBackward<PartialVector>(pGates + j, pBefore + j, pdy + j, pdh + j, H, H - j);
        }
    }

    /// <summary>One register's worth of units; everything begins at the first of them, and the parts of a row lie H apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Gates<TAccess>(
        TReal* pr,
        TReal* pb,
        TReal* pbHidden,
        TReal* ph0,
        TReal* ph,
        int H,
        int left
    )
        where TAccess : struct, IVectorAccess
    {
        TReal* pz = pr + H,
            pn = pz + H,
            pm = pn + H;
        var r = VectorMath.Sigmoid(TAccess.Load(pr, left) + TAccess.Load(pb, left)); // F1
        var z = VectorMath.Sigmoid(TAccess.Load(pz, left) + TAccess.Load(pb + H, left)); // F2
        var m = TAccess.Load(pm, left) + TAccess.Load(pbHidden + 2 * H, left); // F3
        var n = VectorMath.Tanh(VectorMath.MultiplyAdd(r, m, TAccess.Load(pn, left) + TAccess.Load(pb + 2 * H, left))); // F4
        TAccess.Store(r, pr, left);
        TAccess.Store(z, pz, left);
        TAccess.Store(n, pn, left);
        TAccess.Store(m, pm, left);
        TAccess.Store(VectorMath.MultiplyAdd(z, TAccess.Load(ph0, left) - n, n), ph, left); // F5
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void GatesBackward<TAccess>(TReal* pr, TReal* ph0, TReal* pdy, TReal* pdh, int H, int left)
        where TAccess : struct, IVectorAccess
    {
        TReal* pz = pr + H,
            pn = pz + H,
            pm = pn + H;
        var one = Vector512<TReal>.One;
        Vector512<TReal> r = TAccess.Load(pr, left),
            z = TAccess.Load(pz, left),
            n = TAccess.Load(pn, left),
            m = TAccess.Load(pm, left);
        var dh = TAccess.Load(pdy, left) + TAccess.Load(pdh, left); // B1
        var daZ = dh * (TAccess.Load(ph0, left) - n) * z * (one - z); // B2
        var daN = dh * (one - z) * (one - n * n); // B3
        var daR = daN * m * r * (one - r); // B4
        TAccess.Store(daR, pr, left);
        TAccess.Store(daZ, pz, left);
        TAccess.Store(daN, pn, left);
        TAccess.Store(daN * r, pm, left); // B5
        TAccess.Store(dh * z, pdh, left); // B6
    }
}
