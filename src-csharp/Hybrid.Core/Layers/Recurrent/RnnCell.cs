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
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class RnnCell<TReal> : Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly RnnNonlinearity nonlinearity;

    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="nonlinearity">f.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
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
        int H = after.Length,
            j = 0;
        fixed (
            TReal* pa = gates,
                pb = bias,
                ph = after
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                Gates<FullVector>(pa + j, pb + j, ph + j, 0);
            if (j < H)
                Gates<PartialVector>(pa + j, pb + j, ph + j, H - j);
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
            TReal* pda = gates,
                ph = after,
                pdy = dy,
                pdh = dState
        )
        {
            for (; j + Vector512<TReal>.Count <= H; j += Vector512<TReal>.Count)
                GatesBackward<FullVector>(pda + j, ph + j, pdy + j, pdh + j, 0);
            if (j < H)
                GatesBackward<PartialVector>(pda + j, ph + j, pdy + j, pdh + j, H - j);
        }
    }

    /// <summary>One register's worth of units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void Gates<TAccess>(TReal* pa, TReal* pb, TReal* ph, int left)
        where TAccess : struct, IVectorAccess
    {
        var a = TAccess.Load(pa, left) + TAccess.Load(pb, left);
        var h =
            nonlinearity == RnnNonlinearity.Tanh
                ? VectorMath.Tanh(a) // F1
                : VectorMath.Relu(a); // F2
        TAccess.Store(h, ph, left);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void GatesBackward<TAccess>(TReal* pda, TReal* ph, TReal* pdy, TReal* pdh, int left)
        where TAccess : struct, IVectorAccess
    {
        var h = TAccess.Load(ph, left);
        var dh = TAccess.Load(pdy, left) + TAccess.Load(pdh, left); // B1
        var da =
            nonlinearity == RnnNonlinearity.Tanh
                ? dh * (Vector512<TReal>.One - h * h) // B2
                : dh & Vector512.GreaterThan(h, Vector512<TReal>.Zero); // B3
        TAccess.Store(da, pda, left);
        TAccess.Store(Vector512<TReal>.Zero, pdh, left);
    }
}
