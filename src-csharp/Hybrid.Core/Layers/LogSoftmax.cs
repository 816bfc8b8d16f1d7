using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// y = x - log sum exp x over the features of each frame: logits to natural-log probabilities. Derivation: LogSoftmax.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LogSoftmax<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>Log-softmax over <paramref name="features"/> features.</summary>
    public LogSoftmax(int features) => OutputFeatures = features;

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "LogSoftmax");
        var y = x.With(pass.Workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        pass.Workspace.Team.For(x.T, (x, y), static (in (Batch<TReal> X, Batch<TReal> Y) s, int t) =>
        {
            for (var b = 0; b < s.X.B; b++)
            {
                if (t >= s.X.Lengths.Span[b])
                    continue;
                Span<TReal> x = s.X.Row(t, b),
                    y = s.Y.Row(t, b);
                var norm = LogMath.LogSumExp<TReal, TReal>(x);
                for (var v = 0; v < x.Length; v++)
                    y[v] = x[v] - norm; // F1
            }
        });
        pass.Workspace.Tape<LogSoftmaxTape>(this) = new LogSoftmaxTape(y);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var y = pass.Workspace.Tape<LogSoftmaxTape>(this).Y;
        var dx = y.With(pass.Workspace.RentZeroed<TReal>(y.Data.Length), y.F);
        pass.Workspace.Team.For(
            dy.T,
            (dy, y, dx),
            static (in (Batch<TReal> Dy, Batch<TReal> Y, Batch<TReal> Dx) s, int t) =>
            {
                for (var b = 0; b < s.Y.B; b++)
                {
                    if (t >= s.Y.Lengths.Span[b])
                        continue;
                    Span<TReal> dy = s.Dy.Row(t, b),
                        y = s.Y.Row(t, b),
                        dx = s.Dx.Row(t, b);
                    var sum = TReal.Zero;
                    foreach (var d in dy)
                        sum += d;
                    for (var v = 0; v < y.Length; v++)
                        dx[v] = dy[v] - TReal.Exp(y[v]) * sum; // B1
                }
            }
        );
        return dx;
    }

    /// <param name="Y">The log probabilities: B1.</param>
    private readonly record struct LogSoftmaxTape(Batch<TReal> Y);
}
