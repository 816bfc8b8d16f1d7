using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>The nonlinear functions that <see cref="Activation{R}"/> knows.</summary>
public enum ActivationFunction
{
    /// <summary>max(x, 0)</summary>
    Relu,

    /// <summary>x Phi(x) with the standard normal distribution Phi (Hendrycks and Gimpel 2016, the exact form).</summary>
    Gelu,

    /// <summary>x sigmoid(x), also called swish (Elfwing, Uchibe and Doya 2018).</summary>
    Silu,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>1 / (1 + e^-x)</summary>
    Sigmoid,
}

/// <summary>y = f(x) for every element. Derivation: Activation.md.</summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class Activation<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly ActivationFunction function;

    /// <summary>An activation between layers of <paramref name="features"/> features.</summary>
    public Activation(ActivationFunction function, int features)
    {
        if (!Enum.IsDefined(function)) throw new ArgumentOutOfRangeException(nameof(function), function, "no such activation function");
        (this.function, OutputFeatures) = (function, features);
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "Activation");
        pass.Workspace.Tape<ActivationTape>(this) = new ActivationTape(x);
        var y = x.Like(pass.Workspace, x.F);
        switch (function)
        {
            case ActivationFunction.Relu: Elementwise.Map<R, Relu>(x.Data, y.Data, pass.Workspace.Team); break;
            case ActivationFunction.Gelu: Elementwise.Map<R, Gelu>(x.Data, y.Data, pass.Workspace.Team); break;
            case ActivationFunction.Silu: Elementwise.Map<R, Silu>(x.Data, y.Data, pass.Workspace.Team); break;
            case ActivationFunction.Tanh: Elementwise.Map<R, Tanh>(x.Data, y.Data, pass.Workspace.Team); break;
            case ActivationFunction.Sigmoid: Elementwise.Map<R, Sigmoid>(x.Data, y.Data, pass.Workspace.Team); break;
        }
        if (function == ActivationFunction.Sigmoid) y.ClearPadding(); // the others map 0 to 0
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var x = pass.Workspace.Tape<ActivationTape>(this).X;
        var dx = x.Like(pass.Workspace, x.F);
        switch (function)
        {
            case ActivationFunction.Relu: Elementwise.Map<R, ReluSlope>(x.Data, dy.Data, dx.Data, pass.Workspace.Team); break;
            case ActivationFunction.Gelu: Elementwise.Map<R, GeluSlope>(x.Data, dy.Data, dx.Data, pass.Workspace.Team); break;
            case ActivationFunction.Silu: Elementwise.Map<R, SiluSlope>(x.Data, dy.Data, dx.Data, pass.Workspace.Team); break;
            case ActivationFunction.Tanh: Elementwise.Map<R, TanhSlope>(x.Data, dy.Data, dx.Data, pass.Workspace.Team); break;
            case ActivationFunction.Sigmoid: Elementwise.Map<R, SigmoidSlope>(x.Data, dy.Data, dx.Data, pass.Workspace.Team); break;
        }
        return dx;
    }

    /// <param name="X">The input: B1 to B5.</param>
    private readonly record struct ActivationTape(Batch<R> X);

    private readonly struct Relu : IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => VectorMath.Relu(x); // F1
    }

    private readonly struct ReluSlope : IFunction2<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> dy) => // B1
            dy & Vector512.GreaterThan(x, Vector512<R>.Zero);
    }

    private readonly struct Gelu : IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => x * VectorMath.Normal(x).Cumulative; // F2
    }

    private readonly struct GeluSlope : IFunction2<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> dy) // B2
        {
            var (cumulative, density) = VectorMath.Normal(x);
            return dy * VectorMath.MultiplyAdd(x, density, cumulative);
        }
    }

    private readonly struct Silu : IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => x * VectorMath.Sigmoid(x); // F3
    }

    private readonly struct SiluSlope : IFunction2<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> dy) // B3
        {
            var sigmoid = VectorMath.Sigmoid(x);
            return dy * sigmoid * VectorMath.MultiplyAdd(x, Vector512<R>.One - sigmoid, Vector512<R>.One);
        }
    }

    private readonly struct Tanh : IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => VectorMath.Tanh(x); // F4
    }

    private readonly struct TanhSlope : IFunction2<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> dy) // B4
        {
            var tanh = VectorMath.Tanh(x);
            return dy * (Vector512<R>.One - tanh * tanh);
        }
    }

    private readonly struct Sigmoid : IFunction<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => VectorMath.Sigmoid(x); // F5
    }

    private readonly struct SigmoidSlope : IFunction2<R>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x, Vector512<R> dy) // B5
        {
            var sigmoid = VectorMath.Sigmoid(x);
            return dy * sigmoid * (Vector512<R>.One - sigmoid);
        }
    }
}
