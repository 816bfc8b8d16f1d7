using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) as in PyTorch: gate order r, z, n, and the reset gate applied after the
/// recurrent product. Derivation: GruCell.md.
/// </summary>
/// <example>
/// <code>
/// var cell = new GruCell&lt;float&gt;(inputs: 40, hidden: 64);
/// CellStep&lt;float&gt; step = cell.Forward(x, default, workspace); // x is [B, 40]
/// step = cell.Forward(next, step.State, workspace); // the state is [B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class GruCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Suffix of the parameter names, such as PyTorch's <c>_l0_reverse</c>.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, or the weights exceed the length of an array.
    /// </exception>
    public GruCell(int inputs, int hidden, string suffix = "")
        : base(inputs, hidden, gates: 3, states: 1, suffix, separateLastGate: true) // r is between the products of n
    { }

    /// <inheritdoc/>
    internal override void SumBiases(Span<TReal> bias)
    {
        base.SumBiases(bias);
        BiasIh.Elements.AsSpan(2 * Hidden).CopyTo(bias[(2 * Hidden)..]); // the recurrent bias of n is multiplied by r
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(
        Span<TReal> gates,
        ReadOnlySpan<TReal> bias,
        ReadOnlySpan<TReal> before,
        Span<TReal> after
    )
    {
        fixed (
            TReal* pGates = gates,
                pb = bias,
                ph0 = before,
                ph = after,
                pbHidden = BiasHh.Elements
        )
            VectorLoop.Run<TReal, GatesKernel>(
                after.Length,
                new(pGates, pb, pbHidden + 2 * after.Length, ph0, ph, after.Length)
            );
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
        fixed (
            TReal* pGates = gates,
                ph0 = before,
                pdy = dy,
                pdh = dState
        )
            VectorLoop.Run<TReal, GatesBackwardKernel>(after.Length, new(pGates, ph0, pdy, pdh, after.Length));
    }

    /// <summary>One step; the parts of a row are H elements apart.</summary>
    private readonly unsafe struct GatesKernel(
        TReal* gates,
        TReal* bias,
        TReal* hiddenBiasOfN,
        TReal* ph0,
        TReal* ph,
        nint H
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            TReal* pr = gates + j,
                pz = pr + H,
                pn = pz + H,
                pm = pn + H,
                pb = bias + j;
            var r = VectorMath.Sigmoid(TAccess.Load(pr, left) + TAccess.Load(pb, left)); // F1
            var z = VectorMath.Sigmoid(TAccess.Load(pz, left) + TAccess.Load(pb + H, left)); // F2
            var m = TAccess.Load(pm, left) + TAccess.Load(hiddenBiasOfN + j, left); // F3
            var an = TAccess.Load(pn, left) + TAccess.Load(pb + 2 * H, left);
            var n = VectorMath.Tanh(VectorMath.MultiplyAdd(r, m, an)); // F4
            TAccess.Store(r, pr, left);
            TAccess.Store(z, pz, left);
            TAccess.Store(n, pn, left);
            TAccess.Store(m, pm, left);
            TAccess.Store(VectorMath.MultiplyAdd(z, TAccess.Load(ph0 + j, left) - n, n), ph + j, left); // F5
        }
    }

    private readonly unsafe struct GatesBackwardKernel(TReal* gates, TReal* ph0, TReal* pdy, TReal* pdh, nint H)
        : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            TReal* pr = gates + j,
                pz = pr + H,
                pn = pz + H,
                pm = pn + H;
            var one = Vector512<TReal>.One;
            Vector512<TReal> r = TAccess.Load(pr, left),
                z = TAccess.Load(pz, left),
                n = TAccess.Load(pn, left),
                m = TAccess.Load(pm, left);
            var dh = TAccess.Load(pdy + j, left) + TAccess.Load(pdh + j, left); // B1
            var daZ = dh * (TAccess.Load(ph0 + j, left) - n) * z * (one - z); // B2
            var daN = dh * (one - z) * (one - n * n); // B3
            var daR = daN * m * r * (one - r); // B4
            TAccess.Store(daR, pr, left);
            TAccess.Store(daZ, pz, left);
            TAccess.Store(daN, pn, left);
            TAccess.Store(daN * r, pm, left); // B5
            TAccess.Store(dh * z, pdh + j, left); // B6
        }
    }
}
