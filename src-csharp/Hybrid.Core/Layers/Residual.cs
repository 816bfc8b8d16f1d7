using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// A residual block (He et al. 2016): y = f(body(x) + x), or f(body(x) + shortcut(x)) with a convolution of kernel size
/// 1 as the shortcut if the body changes the number of channels. Parameters are named <c>body.0.weight</c> and so on,
/// and <c>shortcut.weight</c>. Derivation: Residual.md.
/// </summary>
/// <example>
/// <code>
/// var body = new Sequential&lt;float&gt;(64, new Conv1d&lt;float&gt;(64, 64, kernel: 3), new
/// BatchNorm1d&lt;float&gt;(64)); var layer = new Residual&lt;float&gt;(inputs: 64, body, ActivationFunction.Relu);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Residual<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs;
    private readonly Sequential<TReal> body;
    private readonly Conv1d<TReal>? shortcut;
    private readonly Activation<TReal>? activation;

    /// <summary>A residual block around <paramref name="body"/>.</summary>
    /// <param name="inputs">Features per frame of the input.</param>
    /// <param name="body">Layers that keep every frame in its position.</param>
    /// <param name="activation">f; null for the identity.</param>
    /// <exception cref="ArgumentException">
    /// The body moves or joins frames, or the number of inputs is not positive.
    /// </exception>
    public Residual(int inputs, Sequential<TReal> body, ActivationFunction? activation = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        this.inputs = inputs;
        this.body = AddChild("body", body);
        if (!this.body.FrameMapping.IsIdentity)
            throw new ArgumentException("the body of a residual block must not move or join frames", nameof(body));
        shortcut =
            OutputFeatures == inputs
                ? null
                : AddChild("shortcut", new Conv1d<TReal>(inputs, OutputFeatures, kernel: 1));
        this.activation = activation is { } function
            ? AddChild("activation", new Activation<TReal>(function, OutputFeatures))
            : null;
        Parameters = [.. Children.SelectMany(child => child.Parameters)];
    }

    /// <inheritdoc/>
    public override int OutputFeatures => body.OutputFeatures;

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) => body.MultiplyAdds(frames) + (shortcut?.MultiplyAdds(frames) ?? 0);

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Residual");
        var sum = Add(body.Forward(x, pass), shortcut?.Forward(x, pass) ?? x, pass); // F1
        return activation?.Forward(sum, pass) ?? sum; // F2
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var dSum = activation?.Backward(dy, pass) ?? dy; // B1
        return Add(body.Backward(dSum, pass), shortcut?.Backward(dSum, pass) ?? dSum, pass); // B2
    }

    private static Batch<TReal> Add(Batch<TReal> a, Batch<TReal> b, Pass pass)
    {
        var sum = a.Like(pass.Workspace, a.F);
        Elementwise.Map<TReal, Sum>(a.Data, b.Data, sum.Data, pass.Workspace.Team);
        return sum;
    }

    private readonly struct Sum : IBinaryOperator<TReal>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<TReal> Invoke(Vector512<TReal> x, Vector512<TReal> y) => x + y;
    }
}
