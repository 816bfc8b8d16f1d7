using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Layers with a way around them (He et al. 2016): y = f(body(x) + x), or f(body(x) + shortcut(x)) with a convolution of one
/// tap where the body changes the number of channels. Parameters are named <c>body.0.weight</c> and so on, and
/// <c>shortcut.weight</c>. Derivation: Residual.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Residual<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs;
    private readonly Sequential<TReal> body;
    private readonly Conv1d<TReal>? shortcut;
    private readonly Activation<TReal>? activation;

    /// <summary>A way around <paramref name="body"/>.</summary>
    /// <param name="inputs">Features per frame of the input.</param>
    /// <param name="body">Layers whose output frames lie where the input frames are.</param>
    /// <param name="activation">f; the sum itself where left out.</param>
    /// <exception cref="ArgumentException">The body moves or joins frames.</exception>
    public Residual(int inputs, Sequential<TReal> body, ActivationFunction? activation = null)
    {
        this.inputs = inputs;
        this.body = AddChild("body", body);
        if (this.body.Centers != (1, 0))
            throw new ArgumentException("the body of a residual block must keep frames where they are", nameof(body));
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
