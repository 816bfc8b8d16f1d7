using System.Numerics;
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
    internal override unsafe void Gates(Span<R> gates, Span<R> recurrent, ReadOnlySpan<R> bias, ReadOnlySpan<R> before, Span<R> after)
    {
        var H = after.Length / 2;
        fixed (R* pi = gates, pb = bias, pBefore = before, ph = after)
        {
            R* pf = pi + H, pg = pf + H, po = pg + H, bf = pb + H, bg = bf + H, bo = bg + H, pcBefore = pBefore + H, pc = ph + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var n = H - j;
                var i = VectorMath.Sigmoid(Partial.Load(pi + j, n) + Partial.Load(pb + j, n)); // F1
                var f = VectorMath.Sigmoid(Partial.Load(pf + j, n) + Partial.Load(bf + j, n)); // F2
                var g = VectorMath.Tanh(Partial.Load(pg + j, n) + Partial.Load(bg + j, n)); // F3
                var o = VectorMath.Sigmoid(Partial.Load(po + j, n) + Partial.Load(bo + j, n)); // F4
                var c = VectorMath.MultiplyAdd(f, Partial.Load(pcBefore + j, n), i * g); // F5
                Partial.Store(i, pi + j, n);
                Partial.Store(f, pf + j, n);
                Partial.Store(g, pg + j, n);
                Partial.Store(o, po + j, n);
                Partial.Store(c, pc + j, n);
                Partial.Store(o * VectorMath.Tanh(c), ph + j, n); // F6
            }
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(Span<R> gates, Span<R> recurrent, ReadOnlySpan<R> before, ReadOnlySpan<R> after, ReadOnlySpan<R> dy, Span<R> dState)
    {
        var H = after.Length / 2;
        var one = Vector512<R>.One;
        fixed (R* pi = gates, pBefore = before, pAfter = after, pdy = dy, pdh = dState)
        {
            R* pf = pi + H, pg = pf + H, po = pg + H, pcBefore = pBefore + H, pc = pAfter + H, pdc = pdh + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var n = H - j;
                Vector512<R> i = Partial.Load(pi + j, n), f = Partial.Load(pf + j, n), g = Partial.Load(pg + j, n), o = Partial.Load(po + j, n);
                var tanhC = VectorMath.Tanh(Partial.Load(pc + j, n));
                var dh = Partial.Load(pdy + j, n) + Partial.Load(pdh + j, n); // B1
                var dc = VectorMath.MultiplyAdd(dh * o, one - tanhC * tanhC, Partial.Load(pdc + j, n)); // B2
                Partial.Store(dc * g * i * (one - i), pi + j, n); // B3
                Partial.Store(dc * Partial.Load(pcBefore + j, n) * f * (one - f), pf + j, n); // B4
                Partial.Store(dc * i * (one - g * g), pg + j, n); // B5
                Partial.Store(dh * tanhC * o * (one - o), po + j, n); // B6
                Partial.Store(dc * f, pdc + j, n); // B7
                Partial.Store(Vector512<R>.Zero, pdh + j, n);
            }
        }
    }
}
