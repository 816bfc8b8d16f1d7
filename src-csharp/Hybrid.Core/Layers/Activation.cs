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
        }
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
        }
        return dx;
    }

    /// <param name="X">The input: B1, B2.</param>
    private readonly record struct ActivationTape(Batch<R> X);

    private readonly struct Relu : IFunction<R>
    {
        // The comparison keeps NaN, which Max would not on every machine.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<R> Invoke(Vector512<R> x) => // F1
            Vector512.AndNot(x, Vector512.LessThan(x, Vector512<R>.Zero));
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
}
