namespace Hybrid.Core;

/// <summary>
/// The CTC lattice of one utterance, for inspection and plots: all alignments of labels with frames as paths through
/// [T, 2S + 1] states. A direct implementation of Graves et al. (2006) in logarithms; <see cref="CtcLoss"/> computes
/// the same faster. Derivation: CtcLoss.md.
/// </summary>
public sealed class CtcLattice
{
    private readonly double[,] logAlpha,
        logBeta,
        gamma,
        logEmission;

    private CtcLattice(double[,] logEmission, int[] extended, bool[] skips)
    {
        (this.logEmission, Extended, Skips) = (logEmission, extended, skips);
        (T, States) = (logEmission.GetLength(0), extended.Length);
        logAlpha = Forward();
        logBeta = Backward();
        LogLikelihood =
            T == 0
                ? (States == 1 ? 0 : double.NegativeInfinity)
                : LogMath.LogAdd(
                    logAlpha[T - 1, States - 1],
                    States > 1 ? logAlpha[T - 1, States - 2] : double.NegativeInfinity
                );
        gamma = new double[T, States];
        for (var t = 0; t < T; t++)
        for (var s = 0; s < States; s++)
            gamma[t, s] = double.IsNegativeInfinity(LogLikelihood)
                ? 0
                : Math.Exp(logAlpha[t, s] + logBeta[t, s] - LogLikelihood);
    }

    /// <summary>Number of frames.</summary>
    public int T { get; }

    /// <summary>Number of states, 2S + 1.</summary>
    public int States { get; }

    /// <summary>The symbol of each state: the labels with a blank before, between and after them.</summary>
    public IReadOnlyList<int> Extended { get; }

    /// <summary>
    /// Whether a state can be entered from two states before: a label that differs from the previous label.
    /// </summary>
    public IReadOnlyList<bool> Skips { get; }

    /// <summary>Natural-log probability of the labels; negative infinity if they need more frames.</summary>
    public double LogLikelihood { get; }

    /// <summary>
    /// The expected divergence of CMU 11-785: -sum over frames and states of gamma(t, s) log y(t, s). Its derivative
    /// with gamma held fixed is that of the loss; its value is not -<see cref="LogLikelihood"/>.
    /// </summary>
    public double ExpectedDivergence
    {
        get
        {
            var sum = 0.0;
            for (var t = 0; t < T; t++)
            for (var s = 0; s < States; s++)
                if (gamma[t, s] > 0)
                    sum -= gamma[t, s] * logEmission[t, s];
            return sum;
        }
    }

    /// <summary>Computes the lattice of an utterance.</summary>
    /// <param name="logProbs">[T, V].</param>
    /// <param name="labels">The labels, without blanks.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <exception cref="ArgumentException">A label is the blank or out of range.</exception>
    public static CtcLattice Of(LogProbs logProbs, int[] labels, int blank = 0) =>
        Of(logProbs.T, logProbs.V, (t, v) => logProbs[t][v], labels, blank);

    /// <summary>
    /// Computes the lattice of emission scores y(t, v) that need not sum to 1, as in exercises. Products of scores take
    /// the place of probabilities.
    /// </summary>
    /// <param name="scores">[T, V], at least 0.</param>
    /// <param name="labels">The labels, without blanks.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <exception cref="ArgumentException">
    /// A label is the blank or out of range, or a score is negative or NaN.
    /// </exception>
    public static CtcLattice OfScores(double[,] scores, int[] labels, int blank = 0)
    {
        foreach (var score in scores)
            if (!(score >= 0))
                throw new ArgumentException(
                    FormattableString.Invariant($"a score is {score}, must not be negative"),
                    nameof(scores)
                );
        return Of(scores.GetLength(0), scores.GetLength(1), (t, v) => Math.Log(scores[t, v]), labels, blank);
    }

    private static CtcLattice Of(int frames, int symbols, Func<int, int, double> logEmission, int[] labels, int blank)
    {
        CtcLabels.Check(labels, symbols, blank);
        var extended = new int[2 * labels.Length + 1];
        var skips = new bool[extended.Length];
        Array.Fill(extended, blank);
        for (var i = 0; i < labels.Length; i++)
        {
            extended[2 * i + 1] = labels[i];
            skips[2 * i + 1] = i > 0 && labels[i] != labels[i - 1];
        }
        var emission = new double[frames, extended.Length];
        for (var t = 0; t < frames; t++)
        for (var s = 0; s < extended.Length; s++)
            emission[t, s] = logEmission(t, extended[s]);
        return new CtcLattice(emission, extended, skips);
    }

    /// <summary>log alpha(t, s): log probability of frames 0..t, ending in state s.</summary>
    public double LogAlpha(int t, int s) => logAlpha[t, s];

    /// <summary>log beta(t, s): log probability of frames t + 1..T - 1, given state s at frame t.</summary>
    public double LogBeta(int t, int s) => logBeta[t, s];

    /// <summary>gamma(t, s): probability of state s at frame t given the labels; sums to 1 over s.</summary>
    public double Gamma(int t, int s) => gamma[t, s];

    private double[,] Forward()
    {
        var alpha = new double[T, States];
        for (var t = 0; t < T; t++)
        for (var s = 0; s < States; s++)
        {
            var sum = t == 0 ? (s < 2 ? 0 : double.NegativeInfinity) : alpha[t - 1, s];
            if (t > 0 && s > 0)
                sum = LogMath.LogAdd(sum, alpha[t - 1, s - 1]);
            if (t > 0 && Skips[s])
                sum = LogMath.LogAdd(sum, alpha[t - 1, s - 2]);
            alpha[t, s] = sum + logEmission[t, s];
        }
        return alpha;
    }

    private double[,] Backward()
    {
        var beta = new double[T, States];
        for (var t = T - 1; t >= 0; t--)
        for (var s = 0; s < States; s++)
        {
            if (t == T - 1)
            {
                beta[t, s] = s >= States - 2 ? 0 : double.NegativeInfinity;
                continue;
            }
            var sum = beta[t + 1, s] + logEmission[t + 1, s];
            if (s + 1 < States)
                sum = LogMath.LogAdd(sum, beta[t + 1, s + 1] + logEmission[t + 1, s + 1]);
            if (s + 2 < States && Skips[s + 2])
                sum = LogMath.LogAdd(sum, beta[t + 1, s + 2] + logEmission[t + 1, s + 2]);
            beta[t, s] = sum;
        }
        return beta;
    }
}
