using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// y = x - log sum exp x over the features of each frame: logits to natural-log probabilities. Derivation: LogSoftmax.md.
/// </summary>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class LogSoftmax<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>Log-softmax over <paramref name="features"/> features.</summary>
    public LogSoftmax(int features) => OutputFeatures = features;

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "LogSoftmax");
        var y = x.With(pass.Workspace.RentZeroed<R>(x.Data.Length), x.F);
        pass.Workspace.Team.For(x.T, (x, y), static (in (Batch<R> X, Batch<R> Y) s, int t) =>
        {
            for (var b = 0; b < s.X.B; b++)
            {
                if (t >= s.X.Lengths.Span[b]) continue;
                Span<R> x = s.X.Row(t, b), y = s.Y.Row(t, b);
                var norm = LogSumExp(x);
                for (var v = 0; v < x.Length; v++) y[v] = x[v] - norm; // F1
            }
        });
        pass.Workspace.Tape<LogSoftmaxTape>(this) = new LogSoftmaxTape(y);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var y = pass.Workspace.Tape<LogSoftmaxTape>(this).Y;
        var dx = y.With(pass.Workspace.RentZeroed<R>(y.Data.Length), y.F);
        pass.Workspace.Team.For(dy.T, (dy, y, dx), static (in (Batch<R> Dy, Batch<R> Y, Batch<R> Dx) s, int t) =>
        {
            for (var b = 0; b < s.Y.B; b++)
            {
                if (t >= s.Y.Lengths.Span[b]) continue;
                Span<R> dy = s.Dy.Row(t, b), y = s.Y.Row(t, b), dx = s.Dx.Row(t, b);
                var sum = R.Zero;
                foreach (var d in dy) sum += d;
                for (var v = 0; v < y.Length; v++) dx[v] = dy[v] - R.Exp(y[v]) * sum; // B1
            }
        });
        return dx;
    }

    /// <summary>log sum exp of the elements, in the scale of the largest; NaN where one is.</summary>
    internal static R LogSumExp(ReadOnlySpan<R> x)
    {
        var largest = R.NegativeInfinity;
        foreach (var value in x) largest = R.Max(largest, value);
        var sum = R.Zero;
        foreach (var value in x) sum += R.Exp(value - largest);
        return largest + R.Log(sum);
    }

    /// <param name="Y">The log probabilities: B1.</param>
    private readonly record struct LogSoftmaxTape(Batch<R> Y);
}
