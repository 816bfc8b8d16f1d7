using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A linear layer, y = x W^T + b for every frame; W is [outputs, inputs], as in PyTorch's Linear. Derivation:
/// Linear.md.
/// </summary>
/// <example>
/// <code>
/// var layer = new Linear&lt;float&gt;(inputs: 40, outputs: 64);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 40] to [T, B, 64]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Linear<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs;
    private readonly Parameter<TReal> weight;
    private readonly Parameter<TReal>? bias;

    /// <summary>A linear layer from <paramref name="inputs"/> to <paramref name="outputs"/> features.</summary>
    /// <exception cref="ArgumentException">
    /// A size is not positive, or the weights exceed the length of an array.
    /// </exception>
    public Linear(int inputs, int outputs, bool bias = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        this.inputs = inputs;
        OutputFeatures = outputs;
        weight = Parameter<TReal>.Glorot("weight", inputs, outputs, outputs, inputs);
        this.bias = bias ? Parameter<TReal>.Constant("bias", 0, outputs) : null;
        Parameters = this.bias is null ? [weight] : [weight, this.bias];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) => (long)frames * inputs * OutputFeatures;

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Linear");
        pass.Workspace.Tape<LinearTape>(this) = new LinearTape(x);
        var y = x.Like(pass.Workspace, OutputFeatures);
        // The bias is the initial value of every sum.
        Gemm.Multiply(x.Matrix, weight.PackedColumns, bias?.Elements, y.Matrix, pass.Workspace.Team); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var x = pass.Workspace.TakeTape<LinearTape>(this).X;
        var team = pass.Workspace.Team;
        // Gradients of the parameters.
        Gemm.Multiply(dy.Matrix.Transposed, x.Matrix, weight.GradientMatrix, accumulate: true, team); // B1
        if (bias is not null)
            RowReductions.AddSum(dy.Matrix, bias.Gradient, pass.Workspace); // B2
        if (pass.SkipInputGradient)
            return default;
        // Gradient of the input.
        var dx = x.Like(pass.Workspace, inputs);
        Gemm.Multiply(dy.Matrix, weight.PackedRows, dx.Matrix, accumulate: false, team); // B3
        return dx;
    }

    /// <param name="X">The input: B1.</param>
    private readonly record struct LinearTape(Batch<TReal> X);
}
