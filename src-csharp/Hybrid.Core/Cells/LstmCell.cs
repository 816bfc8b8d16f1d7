using System.Numerics;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000). Weights have
/// PyTorch's shapes and gate order i, f, g, o: W_ih [4H, I], W_hh [4H, H] and two bias vectors [4H]. Derivation: LstmCell.md.
/// </summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class LstmCell<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>A cell for <paramref name="inputs"/> features with <paramref name="hidden"/> units.</summary>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="suffix">Ending of the parameters' names, such as PyTorch's <c>_l0_reverse</c>.</param>
    public LstmCell(int inputs, int hidden, string suffix = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        (Inputs, Hidden) = (inputs, hidden);
        WeightIh = Parameter<R>.Glorot("weight_ih" + suffix, inputs, hidden, 4 * hidden, inputs);
        WeightHh = Parameter<R>.Uniform("weight_hh" + suffix, 1 / Math.Sqrt(hidden), 4 * hidden, hidden);
        // An open forget gate lets gradients through time from the first step on (Jozefowicz et al. 2015).
        BiasIh = Parameter<R>.Trainable("bias_ih" + suffix, (_, i) => i >= hidden && i < 2 * hidden ? 1 : 0, 4 * hidden);
        BiasHh = Parameter<R>.Constant("bias_hh" + suffix, 0, 4 * hidden);
        Parameters = [WeightIh, WeightHh, BiasIh, BiasHh];
    }

    /// <summary>Features per frame, I.</summary>
    public int Inputs { get; }

    /// <summary>Hidden units, H.</summary>
    public int Hidden { get; }

    /// <summary>Input weights, [4H, I].</summary>
    public Parameter<R> WeightIh { get; }

    /// <summary>Recurrent weights, [4H, H].</summary>
    public Parameter<R> WeightHh { get; }

    /// <summary>First bias, [4H].</summary>
    public Parameter<R> BiasIh { get; }

    /// <summary>Second bias, [4H]; only the sum of both matters.</summary>
    public Parameter<R> BiasHh { get; }

    /// <summary>The four tensors in PyTorch's order.</summary>
    public IReadOnlyList<Parameter<R>> Parameters { get; }

    /// <summary>One step of one utterance, after both matrix products.</summary>
    /// <param name="gates">[4H], in: W_ih x + W_hh h; out: i, f, g, o, which <see cref="GatesBackward"/> needs.</param>
    /// <param name="bias">[4H], the sum of both biases.</param>
    /// <param name="cPrevious">[H], cell state before the step.</param>
    /// <param name="c">[H], out: cell state; may be <paramref name="cPrevious"/>.</param>
    /// <param name="h">[H], out: hidden state.</param>
    internal static unsafe void Gates(Span<R> gates, ReadOnlySpan<R> bias, ReadOnlySpan<R> cPrevious, Span<R> c, Span<R> h)
    {
        var H = h.Length;
        fixed (R* pi = gates, pb = bias, pcPrevious = cPrevious, pc = c, ph = h)
        {
            R* pf = pi + H, pg = pf + H, po = pg + H, bf = pb + H, bg = bf + H, bo = bg + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var n = H - j;
                var i = VectorMath.Sigmoid(Partial.Load(pi + j, n) + Partial.Load(pb + j, n)); // F1
                var f = VectorMath.Sigmoid(Partial.Load(pf + j, n) + Partial.Load(bf + j, n)); // F2
                var g = VectorMath.Tanh(Partial.Load(pg + j, n) + Partial.Load(bg + j, n)); // F3
                var o = VectorMath.Sigmoid(Partial.Load(po + j, n) + Partial.Load(bo + j, n)); // F4
                var cell = VectorMath.MultiplyAdd(f, Partial.Load(pcPrevious + j, n), i * g); // F5
                Partial.Store(i, pi + j, n);
                Partial.Store(f, pf + j, n);
                Partial.Store(g, pg + j, n);
                Partial.Store(o, po + j, n);
                Partial.Store(cell, pc + j, n);
                Partial.Store(o * VectorMath.Tanh(cell), ph + j, n); // F6
            }
        }
    }

    /// <summary>The reverse of <see cref="Gates"/>.</summary>
    /// <param name="gates">[4H], in: i, f, g, o; out: gradient with respect to the four sums before the gates.</param>
    /// <param name="cPrevious">[H], cell state before the step.</param>
    /// <param name="c">[H], cell state after it.</param>
    /// <param name="dy">[H], gradient with respect to h that comes from outside.</param>
    /// <param name="dh">[H], gradient with respect to h that comes from the next step.</param>
    /// <param name="dc">[H], in: gradient with respect to c from the next step; out: with respect to the previous c.</param>
    internal static unsafe void GatesBackward(Span<R> gates, ReadOnlySpan<R> cPrevious, ReadOnlySpan<R> c, ReadOnlySpan<R> dy, ReadOnlySpan<R> dh, Span<R> dc)
    {
        var H = dc.Length;
        var one = Vector512<R>.One;
        fixed (R* pi = gates, pcPrevious = cPrevious, pc = c, pdy = dy, pdh = dh, pdc = dc)
        {
            R* pf = pi + H, pg = pf + H, po = pg + H;
            for (var j = 0; j < H; j += Vector512<R>.Count)
            {
                var n = H - j;
                Vector512<R> i = Partial.Load(pi + j, n), f = Partial.Load(pf + j, n), g = Partial.Load(pg + j, n), o = Partial.Load(po + j, n);
                var tanhC = VectorMath.Tanh(Partial.Load(pc + j, n));
                var dhTotal = Partial.Load(pdy + j, n) + Partial.Load(pdh + j, n); // B1
                var dcTotal = VectorMath.MultiplyAdd(dhTotal * o, one - tanhC * tanhC, Partial.Load(pdc + j, n)); // B2
                Partial.Store(dcTotal * g * i * (one - i), pi + j, n); // B3
                Partial.Store(dcTotal * Partial.Load(pcPrevious + j, n) * f * (one - f), pf + j, n); // B4
                Partial.Store(dcTotal * i * (one - g * g), pg + j, n); // B5
                Partial.Store(dhTotal * tanhC * o * (one - o), po + j, n); // B6
                Partial.Store(dcTotal * f, pdc + j, n); // B7
            }
        }
    }
}
