using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch's
/// LSTMCell: gate order i, f, g, o. Derivation: LstmCell.md.
/// </summary>
/// <example>
/// <code>
/// var cell = new LstmCell&lt;float&gt;(inputs: 40, hidden: 64);
/// CellStep&lt;float&gt; step = cell.Forward(x, default, workspace); // x is [B, 40]
/// step = cell.Forward(next, step.State, workspace); // the states h and c are [B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LstmCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Suffix of the parameter names, such as PyTorch's <c>_l0_reverse</c>.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, or the weights exceed the length of an array.
    /// </exception>
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
        var H = after.Length / 2;
        fixed (
            TReal* pGates = gates,
                pb = bias,
                pBefore = before,
                pAfter = after
        )
            VectorLoop.Run<TReal, GatesKernel>(H, new(pGates, pb, pBefore, pAfter, H));
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
        var H = after.Length / 2;
        fixed (
            TReal* pGates = gates,
                pBefore = before,
                pAfter = after,
                pdy = dy,
                pdState = dState
        )
            VectorLoop.Run<TReal, GatesBackwardKernel>(H, new(pGates, pBefore, pAfter, pdy, pdState, H));
    }

    /// <summary>One step; the parts of a row are H elements apart.</summary>
    private readonly unsafe struct GatesKernel(TReal* gates, TReal* bias, TReal* before, TReal* after, nint H)
        : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            TReal* pi = gates + j,
                pf = pi + H,
                pg = pf + H,
                po = pg + H,
                bi = bias + j,
                bf = bi + H,
                bg = bf + H,
                bo = bg + H,
                pc0 = before + j + H,
                ph = after + j,
                pc = ph + H;
            var i = VectorMath.Sigmoid(TAccess.Load(pi, left) + TAccess.Load(bi, left)); // F1
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
    }

    private readonly unsafe struct GatesBackwardKernel(
        TReal* gates,
        TReal* before,
        TReal* after,
        TReal* dy,
        TReal* dState,
        nint H
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            TReal* pi = gates + j,
                pf = pi + H,
                pg = pf + H,
                po = pg + H,
                pdh = dState + j,
                pdc = pdh + H;
            var one = Vector512<TReal>.One;
            Vector512<TReal> i = TAccess.Load(pi, left),
                f = TAccess.Load(pf, left),
                g = TAccess.Load(pg, left),
                o = TAccess.Load(po, left);
            var tanhC = VectorMath.Tanh(TAccess.Load(after + j + H, left));
            var dh = TAccess.Load(dy + j, left) + TAccess.Load(pdh, left); // B1
            var dc = VectorMath.MultiplyAdd(dh * o, one - tanhC * tanhC, TAccess.Load(pdc, left)); // B2
            TAccess.Store(dc * g * i * (one - i), pi, left); // B3
            TAccess.Store(dc * TAccess.Load(before + j + H, left) * f * (one - f), pf, left); // B4
            TAccess.Store(dc * i * (one - g * g), pg, left); // B5
            TAccess.Store(dh * tanhC * o * (one - o), po, left); // B6
            TAccess.Store(dc * f, pdc, left); // B7
            TAccess.Store(Vector512<TReal>.Zero, pdh, left);
        }
    }
}
