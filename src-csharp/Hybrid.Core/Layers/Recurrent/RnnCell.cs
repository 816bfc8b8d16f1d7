using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>The nonlinear function of an <see cref="RnnCell{TReal}"/>.</summary>
public enum RnnNonlinearity
{
    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>max(x, 0)</summary>
    Relu,
}

/// <summary>
/// The simple recurrent cell (Elman 1990): h = f(W_ih x + b_ih + W_hh h' + b_hh), as PyTorch's RNNCell. Derivation:
/// RnnCell.md.
/// </summary>
/// <example>
/// <code>
/// var cell = new RnnCell&lt;float&gt;(inputs: 40, hidden: 64);
/// CellStep&lt;float&gt; step = cell.Forward(x, default, workspace); // x is [B, 40]
/// step = cell.Forward(next, step.State, workspace); // the state is [B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class RnnCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly RnnNonlinearity nonlinearity;

    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="nonlinearity">f.</param>
    /// <param name="suffix">Suffix of the parameter names, such as PyTorch's <c>_l0_reverse</c>.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, the function does not exist, or the weights exceed the length of an array.
    /// </exception>
    public RnnCell(int inputs, int hidden, RnnNonlinearity nonlinearity = RnnNonlinearity.Tanh, string suffix = "")
        : base(inputs, hidden, gates: 1, states: 1, suffix)
    {
        if (!Enum.IsDefined(nonlinearity))
            throw new ArgumentOutOfRangeException(nameof(nonlinearity), nonlinearity, "no such nonlinearity");
        this.nonlinearity = nonlinearity;
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
            TReal* pa = gates,
                pb = bias,
                ph = after
        )
            VectorLoop.Run<TReal, GatesKernel>(after.Length, new(nonlinearity, pa, pb, ph));
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
            TReal* pda = gates,
                ph = after,
                pdy = dy,
                pdh = dState
        )
            VectorLoop.Run<TReal, GatesBackwardKernel>(after.Length, new(nonlinearity, pda, ph, pdy, pdh));
    }

    private readonly unsafe struct GatesKernel(RnnNonlinearity nonlinearity, TReal* pa, TReal* pb, TReal* ph)
        : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            var a = TAccess.Load(pa + j, left) + TAccess.Load(pb + j, left);
            var h =
                nonlinearity == RnnNonlinearity.Tanh
                    ? VectorMath.Tanh(a) // F1
                    : VectorMath.Relu(a); // F2
            TAccess.Store(h, ph + j, left);
        }
    }

    private readonly unsafe struct GatesBackwardKernel(
        RnnNonlinearity nonlinearity,
        TReal* pda,
        TReal* ph,
        TReal* pdy,
        TReal* pdh
    ) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int j, int left)
            where TAccess : struct, IVectorAccess
        {
            var h = TAccess.Load(ph + j, left);
            var dh = TAccess.Load(pdy + j, left) + TAccess.Load(pdh + j, left); // B1
            var da =
                nonlinearity == RnnNonlinearity.Tanh
                    ? dh * (Vector512<TReal>.One - h * h) // B2
                    : dh & Vector512.GreaterThan(h, Vector512<TReal>.Zero); // B3
            TAccess.Store(da, pda + j, left);
            TAccess.Store(Vector512<TReal>.Zero, pdh + j, left);
        }
    }
}
