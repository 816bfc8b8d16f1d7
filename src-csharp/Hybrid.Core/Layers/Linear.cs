using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// y = x W^T + b for every frame; W is [outputs, inputs], as in PyTorch's Linear. Derivation: Linear.md.
/// </summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class Linear<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly int inputs;
    private readonly Parameter<R> weight;
    private readonly Parameter<R>? bias;

    /// <summary>A projection from <paramref name="inputs"/> to <paramref name="outputs"/> features.</summary>
    public Linear(int inputs, int outputs, bool bias = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        this.inputs = inputs;
        OutputFeatures = outputs;
        weight = Parameter<R>.Glorot("weight", inputs, outputs, outputs, inputs);
        this.bias = bias ? Parameter<R>.Constant("bias", 0, outputs) : null;
        Parameters = this.bias is null ? [weight] : [weight, this.bias];
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) => (long)frames * inputs * OutputFeatures;

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, inputs, "Linear");
        pass.Workspace.Tape<LinearTape>(this) = new LinearTape(x);
        var y = x.Like(pass.Workspace, OutputFeatures);
        Gemm.Multiply(x.Matrix, weight.PackedColumns, bias?.Value, y.Matrix, pass.Workspace.Team); // F1
        y.ClearPadding();
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var x = pass.Workspace.Tape<LinearTape>(this).X;
        var team = pass.Workspace.Team;
        Gemm.Multiply(dy.Matrix.Transposed, x.Matrix, weight.GradientMatrix, accumulate: true, team); // B1
        if (bias is not null) Rows.AddSum(dy.Matrix, bias.Gradient, pass.Workspace); // B2
        if (pass.WithoutInputGradient) return default;
        var dx = x.Like(pass.Workspace, inputs);
        Gemm.Multiply(dy.Matrix, weight.PackedRows, dx.Matrix, accumulate: false, team); // B3
        return dx;
    }

    /// <param name="X">The input: B1.</param>
    private readonly record struct LinearTape(Batch<R> X);
}
