using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>The nonlinear function of an <see cref="RnnCell{R}"/>.</summary>
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
/// <typeparam name="R">Float or double.</typeparam>
public sealed class RnnCell<R> : Cell<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
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
        if (!Enum.IsDefined(nonlinearity)) throw new ArgumentOutOfRangeException(nameof(nonlinearity), nonlinearity, "no such nonlinearity");
        this.nonlinearity = nonlinearity;
    }

    /// <inheritdoc/>
    internal override unsafe void Gates(Span<R> gates, ReadOnlySpan<R> bias, ReadOnlySpan<R> before, Span<R> after)
    {
        int H = after.Length, j = 0;
        fixed (R* pa = gates, pb = bias, ph = after)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) Gates<Whole>(pa + j, pb + j, ph + j, 0);
            if (j < H) Gates<Rest>(pa + j, pb + j, ph + j, H - j);
        }
    }

    /// <inheritdoc/>
    internal override unsafe void GatesBackward(Span<R> gates, ReadOnlySpan<R> before, ReadOnlySpan<R> after, ReadOnlySpan<R> dy, Span<R> dState)
    {
        int H = after.Length, j = 0;
        fixed (R* pda = gates, ph = after, pdy = dy, pdh = dState)
        {
            for (; j + Vector512<R>.Count <= H; j += Vector512<R>.Count) GatesBackward<Whole>(pda + j, ph + j, pdy + j, pdh + j, 0);
            if (j < H) GatesBackward<Rest>(pda + j, ph + j, pdy + j, pdh + j, H - j);
        }
    }

    /// <summary>One register's worth of units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void Gates<TExtent>(R* pa, R* pb, R* ph, int left) where TExtent : struct, IExtent
    {
        var a = TExtent.Load(pa, left) + TExtent.Load(pb, left);
        var h = nonlinearity == RnnNonlinearity.Tanh
            ? VectorMath.Tanh(a) // F1
            : VectorMath.Relu(a); // F2
        TExtent.Store(h, ph, left);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void GatesBackward<TExtent>(R* pda, R* ph, R* pdy, R* pdh, int left) where TExtent : struct, IExtent
    {
        var h = TExtent.Load(ph, left);
        var dh = TExtent.Load(pdy, left) + TExtent.Load(pdh, left); // B1
        var da = nonlinearity == RnnNonlinearity.Tanh
            ? dh * (Vector512<R>.One - h * h) // B2
            : dh & Vector512.GreaterThan(h, Vector512<R>.Zero); // B3
        TExtent.Store(da, pda, left);
        TExtent.Store(Vector512<R>.Zero, pdh, left);
    }
}
