using System.Numerics;
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
    public GruCell(int inputs, int hidden, string suffix = "") : base(inputs, hidden, gates: 3, states: 1, suffix)
    {
    }

    /// <inheritdoc/>
    internal override bool AddsProducts => false; // r stands between them

    /// <inheritdoc/>
    internal override void SumBiases(Span<R> bias)
    {
        base.SumBiases(bias);
        BiasIh.Value.AsSpan(2 * Hidden).CopyTo(bias[(2 * Hidden)..]); // that of n on the recurrent side goes through r
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(Span<R> gates, Span<R> recurrent, ReadOnlySpan<R> bias, ReadOnlySpan<R> before, Span<R> after)
    {
        var H = after.Length;
        fixed (R* pr = gates, pur = recurrent, pb = bias, phBefore = before, ph = after, pbHidden = BiasHh.Value)
        {
            R* pz = pr + H, pn = pz + H, puz = pur + H, pm = puz + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var left = H - j;
                var r = VectorMath.Sigmoid(Partial.Load(pr + j, left) + Partial.Load(pur + j, left) + Partial.Load(pb + j, left)); // F1
                var z = VectorMath.Sigmoid(Partial.Load(pz + j, left) + Partial.Load(puz + j, left) + Partial.Load(pb + H + j, left)); // F2
                var m = Partial.Load(pm + j, left) + Partial.Load(pbHidden + 2 * H + j, left); // F3
                var n = VectorMath.Tanh(VectorMath.MultiplyAdd(r, m, Partial.Load(pn + j, left) + Partial.Load(pb + 2 * H + j, left))); // F4
                Partial.Store(r, pr + j, left);
                Partial.Store(z, pz + j, left);
                Partial.Store(n, pn + j, left);
                Partial.Store(m, pm + j, left);
                Partial.Store(VectorMath.MultiplyAdd(z, Partial.Load(phBefore + j, left) - n, n), ph + j, left); // F5
            }
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(Span<R> gates, Span<R> recurrent, ReadOnlySpan<R> before, ReadOnlySpan<R> after, ReadOnlySpan<R> dy, Span<R> dState)
    {
        var H = after.Length;
        var one = Vector512<R>.One;
        fixed (R* pr = gates, pur = recurrent, phBefore = before, pdy = dy, pdh = dState)
        {
            R* pz = pr + H, pn = pz + H, puz = pur + H, pm = puz + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var left = H - j;
                Vector512<R> r = Partial.Load(pr + j, left), z = Partial.Load(pz + j, left), n = Partial.Load(pn + j, left), m = Partial.Load(pm + j, left);
                var dh = Partial.Load(pdy + j, left) + Partial.Load(pdh + j, left); // B1
                var daZ = dh * (Partial.Load(phBefore + j, left) - n) * z * (one - z); // B2
                var daN = dh * (one - z) * (one - n * n); // B3
                var daR = daN * m * r * (one - r); // B4
                Partial.Store(daR, pr + j, left);
                Partial.Store(daZ, pz + j, left);
                Partial.Store(daN, pn + j, left);
                Partial.Store(daR, pur + j, left);
                Partial.Store(daZ, puz + j, left);
                Partial.Store(daN * r, pm + j, left); // B5
                Partial.Store(dh * z, pdh + j, left); // B6
            }
        }
    }
}
