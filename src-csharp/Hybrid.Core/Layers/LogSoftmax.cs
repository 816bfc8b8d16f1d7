using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// Log-softmax, y = x - log sum exp x over the features of each frame: logits to natural-log probabilities. Derivation:
/// LogSoftmax.md.
/// </summary>
/// <remarks>A frame with NaN, with positive infinity, or with nothing but negative infinity becomes NaN.</remarks>
/// <example>
/// <code>
/// var layer = new LogSoftmax&lt;float&gt;(features: 41);
/// Batch&lt;float&gt; logProbabilities = layer.Forward(logits, new Pass(workspace)); // [T, B, 41]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class LogSoftmax<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>Log-softmax over <paramref name="features"/> features.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number of features is not positive.</exception>
    public LogSoftmax(int features)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(features);
        OutputFeatures = features;
    }

    /// <inheritdoc/>
    public override int OutputFeatures { get; }

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass)
    {
        RequireFeatures(x, OutputFeatures, "LogSoftmax");
        var y = x.With(pass.Workspace.RentZeroed<TReal>(x.Data.Length), x.F);
        pass.Workspace.Team.For(x.T, new ForwardJob(x, y));
        pass.Workspace.Tape<LogSoftmaxTape>(this) = new LogSoftmaxTape(y);
        return y;
    }

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass)
    {
        var y = pass.Workspace.TakeTape<LogSoftmaxTape>(this).Y;
        var dx = y.With(pass.Workspace.RentZeroed<TReal>(y.Data.Length), y.F);
        pass.Workspace.Team.For(dy.T, new BackwardJob(dy, y, dx));
        return dx;
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct ForwardJob(Batch<TReal> X, Batch<TReal> Y) : ITeamJob
    {
        public void Run(int t)
        {
            for (var b = 0; b < X.B; b++)
            {
                if (t >= X.Lengths.Span[b])
                    continue;
                Span<TReal> x = X.Row(t, b),
                    y = Y.Row(t, b);
                var norm = LogMath.LogSumExp<TReal, TReal>(x);
                for (var v = 0; v < x.Length; v++)
                    y[v] = x[v] - norm; // F1
            }
        }
    }

    /// <summary>One frame of all utterances per index.</summary>
    private readonly record struct BackwardJob(Batch<TReal> Dy, Batch<TReal> Y, Batch<TReal> Dx) : ITeamJob
    {
        public void Run(int t)
        {
            for (var b = 0; b < Y.B; b++)
            {
                if (t >= Y.Lengths.Span[b])
                    continue;
                Span<TReal> dy = Dy.Row(t, b),
                    y = Y.Row(t, b),
                    dx = Dx.Row(t, b);
                var sum = TReal.Zero;
                foreach (var d in dy)
                    sum += d;
                for (var v = 0; v < y.Length; v++)
                    dx[v] = dy[v] - TReal.Exp(y[v]) * sum; // B1
            }
        }
    }

    /// <param name="Y">The log probabilities: B1.</param>
    private readonly record struct LogSoftmaxTape(Batch<TReal> Y);
}
