using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>The function of an <see cref="Activation{TReal}"/> layer.</summary>
public enum ActivationFunction
{
    /// <summary>max(x, 0)</summary>
    Relu,

    /// <summary>
    /// x Phi(x) with the standard normal distribution Phi (Hendrycks and Gimpel 2016, the exact form).
    /// </summary>
    Gelu,

    /// <summary>x sigmoid(x), also called swish (Elfwing, Uchibe and Doya 2018).</summary>
    Silu,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>1 / (1 + e^-x)</summary>
    Sigmoid,
}

/// <summary>A nonlinear function of every element, y = f(x). Derivation: Activation.md.</summary>
/// <remarks>NaN gives NaN, so that a diverging network is noticed.</remarks>
/// <example>
/// <code>
/// var layer = new Activation&lt;float&gt;(ActivationFunction.Gelu, features: 64);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Activation<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly ActivationFunction function;
    private readonly ForwardMap forward;
    private readonly BackwardMap backward;

    /// <summary>An activation of frames of <paramref name="features"/> features.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The function does not exist, or the number of features is not positive.
    /// </exception>
    public Activation(ActivationFunction function, int features)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(features);
        (this.function, OutputFeatures) = (function, features);
        (forward, backward) = function switch
        {
            ActivationFunction.Relu => Maps<Relu>(),
            ActivationFunction.Gelu => Maps<Gelu>(),
            ActivationFunction.Silu => Maps<Silu>(),
            ActivationFunction.Tanh => Maps<Tanh>(),
            ActivationFunction.Sigmoid => Maps<Sigmoid>(),
            _ => throw new ArgumentOutOfRangeException(nameof(function), function, "no such activation function"),
        };
    }

    private delegate void ForwardMap(ReadOnlyMemory<TReal> x, Memory<TReal> y, ThreadTeam team);

    private delegate void BackwardMap(
        ReadOnlyMemory<TReal> x,
        ReadOnlyMemory<TReal> dy,
        Memory<TReal> dx,
        ThreadTeam team
    );

    /// <summary>A function of x, and the gradient of its argument, a function of x and dy.</summary>
    private interface IActivation : IUnaryOperator<TReal>, IBinaryOperator<TReal>;

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "Activation");
        pass.Workspace.Tape<ActivationTape>(this) = new ActivationTape(x);
        var y = x.Like(pass.Workspace, x.F);
        forward(x.Data, y.Data, pass.Workspace.Team);
        if (function == ActivationFunction.Sigmoid)
            y.ClearPadding(); // all other functions map 0 to 0
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var x = pass.Workspace.TakeTape<ActivationTape>(this).X;
        var dx = x.Like(pass.Workspace, x.F);
        backward(x.Data, dy.Data, dx.Data, pass.Workspace.Team);
        return dx;
    }

    private static (ForwardMap, BackwardMap) Maps<TActivation>()
        where TActivation : struct, IActivation =>
        (Elementwise.Map<TReal, TActivation>, Elementwise.Map<TReal, TActivation>);

    /// <param name="X">The input: B1 to B5.</param>
    private readonly record struct ActivationTape(Batch<TReal> X);

    private readonly struct Relu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x) => VectorMath.Relu(x); // F1

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> dy) =>
            dy & Vector512.GreaterThan(x, Vector512<TReal>.Zero); // B1
    }

    private readonly struct Gelu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x) => x * VectorMath.Normal(x).Cumulative; // F2

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> dy) // B2
        {
            var (cumulative, density) = VectorMath.Normal(x);
            return dy * VectorMath.MultiplyAdd(x, density, cumulative);
        }
    }

    private readonly struct Silu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x) => x * VectorMath.Sigmoid(x); // F3

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> dy) // B3
        {
            var sigmoid = VectorMath.Sigmoid(x);
            return dy * sigmoid * VectorMath.MultiplyAdd(x, Vector512<TReal>.One - sigmoid, Vector512<TReal>.One);
        }
    }

    private readonly struct Tanh : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x) => VectorMath.Tanh(x); // F4

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> dy) // B4
        {
            var tanh = VectorMath.Tanh(x);
            return dy * (Vector512<TReal>.One - tanh * tanh);
        }
    }

    private readonly struct Sigmoid : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x) => VectorMath.Sigmoid(x); // F5

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> dy) // B5
        {
            var sigmoid = VectorMath.Sigmoid(x);
            return dy * sigmoid * (Vector512<TReal>.One - sigmoid);
        }
    }
}
