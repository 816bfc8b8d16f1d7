using System.Globalization;

namespace Hybrid.Core;

/// <summary>Step decay: a factor at the end of every period (PyTorch's StepLR).</summary>
/// <param name="Every">Period in epochs.</param>
/// <param name="Factor">Multiplier of the learning rate at each step, in (0, 1].</param>
public sealed record StepRate(double Every, double Factor = 0.1) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) => now.Rate * Math.Pow(Factor, now.Completed(Every));

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems.Positive(Every, "epochs between steps").Concat(NumberProblems.AboveZero(Factor, "factor"));
}

/// <summary>Continuous exponential decay (equal to PyTorch's ExponentialLR at whole epochs).</summary>
/// <param name="Factor">Multiplier of the learning rate per epoch, in (0, 1].</param>
public sealed record ExponentialRate(double Factor) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) => now.Rate * Math.Pow(Factor, now.Epoch);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AboveZero(Factor, "factor");
}

/// <summary>Half a cosine from the learning rate to a floor (Loshchilov and Hutter 2017, without restarts).</summary>
/// <param name="Floor">Learning rate at the end, at most the optimiser's.</param>
public sealed record CosineRate(double Floor = 0) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) => Cosine(now.Rate, Floor, now.Position);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.NotNegative(Floor, "floor");

    internal override IEnumerable<string> Conflicts(double rate, double epochs) => FloorConflicts(Floor, rate);
}

/// <summary>
/// Half cosines from the learning rate to a floor, each <paramref name="Factor"/> times as long as the previous one
/// (Loshchilov and Hutter 2017).
/// </summary>
/// <param name="Period">Length of the first one in epochs.</param>
/// <param name="Factor">Growth of the length, at least 1.</param>
/// <param name="Floor">Learning rate at the end of each, at most the optimiser's.</param>
public sealed record CosineWarmRestarts(double Period, double Factor = 1, double Floor = 0) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now)
    {
        // Periods of equal length need no loop, however short they are.
        if (Factor == 1)
            return Cosine(now.Rate, Floor, now.PositionIn(Period));
        var (start, period) = (0.0, Period);
        while (now.HasReached(start + period))
            (start, period) = (start + period, period * Factor);
        return Cosine(now.Rate, Floor, (now.Epoch - start) / period);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems()
    {
        foreach (
            var problem in NumberProblems
                .Positive(Period, "period")
                .Concat(NumberProblems.NotNegative(Floor, "floor"))
                .Concat(NumberProblems.AtLeast(1, Factor, "factor"))
        )
            yield return problem;
        // Growing periods are counted in a loop: a bound keeps it short.
        if (Factor > 1 && Period is > 0 and < 1e-3)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"period is {Period}, must be at least 0.001 where the factor is not 1"
            );
    }

    internal override IEnumerable<string> Conflicts(double rate, double epochs) => FloorConflicts(Floor, rate);
}

/// <summary>
/// One cycle (Smith and Topin 2019) of two half cosines, as PyTorch's OneCycleLR: from a low rate up to the
/// optimiser's, then down to nearly zero.
/// </summary>
/// <param name="Rise">Fraction of the schedule until the maximum, in (0, 1].</param>
/// <param name="StartDivisor">Optimiser's learning rate divided by the rate at the start.</param>
/// <param name="EndDivisor">Rate at the start divided by the rate at the end.</param>
public sealed record OneCycle(double Rise = 0.3, double StartDivisor = 25, double EndDivisor = 1e4)
    : LearningRateSchedule
{
    internal override double At(in ScheduleTime now)
    {
        var (position, start) = (now.Position, now.Rate / StartDivisor);
        return position < Rise
            ? Cosine(start, now.Rate, position / Rise)
            : Cosine(now.Rate, start / EndDivisor, Rise < 1 ? (position - Rise) / (1 - Rise) : 0);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems
            .AboveZero(Rise, "rise")
            .Concat(NumberProblems.AtLeast(1, StartDivisor, "start divisor"))
            .Concat(NumberProblems.AtLeast(1, EndDivisor, "end divisor"));
}

/// <summary>
/// Step decay whenever the dev set has shown no improvement for some epochs (PyTorch's ReduceLROnPlateau).
/// </summary>
/// <param name="Factor">Multiplier of the learning rate at each step, in (0, 1].</param>
/// <param name="Patience">Epochs without improvement that are tolerated; the next one causes the step.</param>
/// <param name="Threshold">Share by which the figure must be below its best for an improvement, in [0, 1).</param>
/// <param name="Cooldown">Epochs after a step that are not counted.</param>
/// <param name="Floor">Lowest learning rate, at most the optimiser's.</param>
/// <param name="SelectBy">
/// The figure to compare; that of the training if null, <see cref="TrainingSpec.SelectBy"/>.
/// </param>
public sealed record ReduceOnPlateau(
    double Factor = 0.1,
    int Patience = 10,
    double Threshold = 1e-4,
    int Cooldown = 0,
    double Floor = 0,
    SelectionMetric? SelectBy = null
) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now)
    {
        var best = new ValidationPoint(0, double.PositiveInfinity);
        var (rate, without, cooling) = (now.Rate, 0, 0);
        foreach (var validation in now.Validations)
        {
            if (validation.Improves(best, SelectBy ?? now.Metric, Threshold))
                (best, without) = (validation, 0);
            else
                without++;
            if (cooling > 0)
                (cooling, without) = (cooling - 1, 0);
            if (without > Patience)
                (rate, cooling, without) = (Math.Max(rate * Factor, Math.Min(rate, Floor)), Cooldown, 0);
        }
        return rate;
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems()
    {
        foreach (
            var problem in NumberProblems
                .AboveZero(Factor, "factor")
                .Concat(NumberProblems.NotNegative(Patience, "patience"))
                .Concat(NumberProblems.BelowOne(Threshold, "threshold"))
                .Concat(NumberProblems.NotNegative(Cooldown, "cooldown"))
                .Concat(NumberProblems.NotNegative(Floor, "floor"))
        )
            yield return problem;
        if (SelectBy is { } metric && !Enum.IsDefined(metric))
            yield return $"selection metric {(int)metric} does not exist";
    }

    internal override IEnumerable<string> Conflicts(double rate, double epochs) => FloorConflicts(Floor, rate);
}
