using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>What a pass through the data was worth.</summary>
/// <param name="Epoch">When it ended, in epochs of the schedule.</param>
/// <param name="ErrorRate">Phone error rate on the dev set in percent.</param>
public readonly record struct ValidationPoint(double Epoch, double ErrorRate);

/// <summary>
/// How the learning rate changes over a training of a number of epochs. Time is counted in epochs, fractions included; a
/// training limited by the clock stretches its epochs over the time it has.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "schedule")]
[JsonDerivedType(typeof(ConstantRate), "constant")]
[JsonDerivedType(typeof(ScaledRate), "scaled")]
[JsonDerivedType(typeof(WarmUp), "warmUp")]
[JsonDerivedType(typeof(StepRate), "step")]
[JsonDerivedType(typeof(ExponentialRate), "exponential")]
[JsonDerivedType(typeof(CosineRate), "cosine")]
[JsonDerivedType(typeof(CosineWarmRestarts), "cosineWarmRestarts")]
[JsonDerivedType(typeof(OneCycle), "oneCycle")]
[JsonDerivedType(typeof(ReduceOnPlateau), "reduceOnPlateau")]
[JsonDerivedType(typeof(SequenceRate), "sequence")]
public abstract record LearningRateSchedule
{
    /// <summary>The learning rate at a moment before which nothing was judged.</summary>
    /// <inheritdoc cref="At(double, double, double, ReadOnlySpan{ValidationPoint})"/>
    public double At(double rate, double epoch, double epochs) => At(rate, epoch, epochs, []);

    /// <summary>The learning rate at a moment.</summary>
    /// <param name="rate">The optimiser's own learning rate, the highest.</param>
    /// <param name="epoch">The moment, in [0, <paramref name="epochs"/>].</param>
    /// <param name="epochs">The whole length.</param>
    /// <param name="judged">The passes through the data since the beginning of this schedule, in order.</param>
    public abstract double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged);

    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public abstract IEnumerable<string> Problems();

    /// <summary>Half a cosine from <paramref name="high"/> at 0 to <paramref name="low"/> at 1.</summary>
    private protected static double Cosine(double high, double low, double position) =>
        low + (high - low) * (1 + Math.Cos(Math.PI * Math.Clamp(position, 0, 1))) / 2;

    /// <summary>The learning rate of a schedule that begins later than its surroundings.</summary>
    internal static double Later(
        LearningRateSchedule then,
        double start,
        double rate,
        double epoch,
        double epochs,
        ReadOnlySpan<ValidationPoint> judged
    )
    {
        while (judged.Length > 0 && judged[0].Epoch <= start)
            judged = judged[1..];
        return then.At(rate, epoch - start, epochs - start, judged);
    }
}

/// <summary>The same rate all the time.</summary>
public sealed record ConstantRate : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) => rate;

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => [];
}

/// <summary>Another schedule, with a share of the optimiser's learning rate.</summary>
/// <param name="Factor">The share, in (0, 1].</param>
/// <param name="Of">The other schedule.</param>
public sealed record ScaledRate(double Factor, LearningRateSchedule Of) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) =>
        Of.At(Factor * rate, epoch, epochs, judged);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AboveZero(Factor, "factor").Concat(Of.Problems());
}

/// <summary>A straight rise from zero, then another schedule over the rest.</summary>
/// <param name="Epochs">Length of the rise.</param>
/// <param name="Then">What follows.</param>
public sealed record WarmUp(double Epochs, LearningRateSchedule Then) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) =>
        epoch < Epochs ? rate * epoch / Epochs : Later(Then, Epochs, rate, epoch, epochs, judged);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems.Positive(Epochs, "length of the warm-up").Concat(Then.Problems());
}

/// <summary>Steps down: the rate times a power of a factor that grows by one every few epochs (PyTorch's StepLR).</summary>
/// <param name="Every">Epochs from one step to the next.</param>
/// <param name="Factor">By what the rate is multiplied at each, in (0, 1].</param>
public sealed record StepRate(double Every, double Factor = 0.1) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) =>
        rate * Math.Pow(Factor, Math.Floor(epoch / Every));

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems.Positive(Every, "epochs between steps").Concat(NumberProblems.AboveZero(Factor, "factor"));
}

/// <summary>Exponential decay, without steps (at whole epochs PyTorch's ExponentialLR).</summary>
/// <param name="Factor">By what the rate is multiplied in an epoch, in (0, 1].</param>
public sealed record ExponentialRate(double Factor) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) =>
        rate * Math.Pow(Factor, epoch);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AboveZero(Factor, "factor");
}

/// <summary>
/// Up and down once (Smith and Topin 2019), in half cosines as PyTorch's OneCycleLR: from a low rate to the optimiser's own,
/// then down to next to nothing.
/// </summary>
/// <param name="Rise">Share of the whole that the way up takes, in (0, 1].</param>
/// <param name="StartDivisor">By what the optimiser's rate is divided at the beginning.</param>
/// <param name="EndDivisor">By what the rate at the beginning is divided at the end.</param>
public sealed record OneCycle(double Rise = 0.3, double StartDivisor = 25, double EndDivisor = 1e4)
    : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged)
    {
        var (position, start) = (epochs > 0 ? epoch / epochs : 1, rate / StartDivisor);
        return position < Rise
            ? Cosine(start, rate, position / Rise)
            : Cosine(rate, start / EndDivisor, Rise < 1 ? (position - Rise) / (1 - Rise) : 0);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems
            .AboveZero(Rise, "rise")
            .Concat(NumberProblems.AtLeast(1, StartDivisor, "start divisor"))
            .Concat(NumberProblems.AtLeast(1, EndDivisor, "end divisor"));
}

/// <summary>
/// Steps down whenever the phone error rate on the dev set has not fallen for some passes (PyTorch's ReduceLROnPlateau).
/// </summary>
/// <param name="Factor">By what the rate is multiplied at each step, in (0, 1].</param>
/// <param name="Patience">Passes without a fall that are borne; the one after them makes the step.</param>
/// <param name="Threshold">By which share the error rate must lie below the lowest before, for a fall to count.</param>
/// <param name="Cooldown">Passes after a step that are not counted.</param>
/// <param name="Floor">The rate below which no step goes.</param>
public sealed record ReduceOnPlateau(
    double Factor = 0.1,
    int Patience = 10,
    double Threshold = 1e-4,
    int Cooldown = 0,
    double Floor = 0
) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged)
    {
        var (lowest, without, cooling) = (double.PositiveInfinity, 0, 0);
        foreach (var (_, errors) in judged)
        {
            if (errors < lowest * (1 - Threshold))
                (lowest, without) = (errors, 0);
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
    public override IEnumerable<string> Problems() =>
        NumberProblems
            .AboveZero(Factor, "factor")
            .Concat(NumberProblems.NotNegative(Patience, "patience"))
            .Concat(NumberProblems.BelowOne(Threshold, "threshold"))
            .Concat(NumberProblems.NotNegative(Cooldown, "cooldown"))
            .Concat(NumberProblems.NotNegative(Floor, "floor"));
}

/// <summary>A part of a <see cref="SequenceRate"/>.</summary>
/// <param name="Epochs">Its length.</param>
/// <param name="Rate">The schedule, which sees this part as its whole.</param>
public sealed record RatePart(double Epochs, LearningRateSchedule Rate);

/// <summary>Schedules one after the other (PyTorch's SequentialLR).</summary>
/// <param name="Parts">Those with a length.</param>
/// <param name="Last">The one that takes what is left.</param>
public sealed record SequenceRate(IReadOnlyList<RatePart> Parts, LearningRateSchedule Last) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged)
    {
        var start = 0.0;
        for (var i = 0; i < Parts.Count; start += Parts[i++].Epochs)
            if (epoch < start + Parts[i].Epochs)
                return Later(Parts[i].Rate, start, rate, epoch, start + Parts[i].Epochs, judged);
        return Later(Last, start, rate, epoch, epochs, judged);
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        [
            .. Parts.SelectMany(part =>
                NumberProblems.Positive(part.Epochs, "length of a part").Concat(part.Rate.Problems())
            ),
            .. Last.Problems(),
        ];

    /// <summary>Equal parts and an equal last.</summary>
    public bool Equals(SequenceRate? other) =>
        other is not null && Parts.SequenceEqual(other.Parts) && Last == other.Last;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Parts.Count, Last);
}

/// <summary>Half a cosine from the rate down to a floor (Loshchilov and Hutter 2017, without restarts).</summary>
/// <param name="Floor">The rate at the end.</param>
public sealed record CosineRate(double Floor = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged) =>
        Cosine(rate, Floor, epochs > 0 ? epoch / epochs : 1);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.NotNegative(Floor, "floor");
}

/// <summary>
/// Half cosines from the rate down to a floor, each <paramref name="Factor"/> times as long as the one before (Loshchilov and
/// Hutter 2017).
/// </summary>
/// <param name="Period">Epochs of the first.</param>
/// <param name="Factor">By what the length grows, at least 1.</param>
/// <param name="Floor">The rate at the end of each.</param>
public sealed record CosineWarmRestarts(double Period, double Factor = 1, double Floor = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs, ReadOnlySpan<ValidationPoint> judged)
    {
        var period = Period;
        // Cycles of equal length need no counting, and however short they are it takes no time.
        if (Factor == 1)
            epoch %= period;
        while (epoch >= period)
        {
            epoch -= period;
            period *= Factor;
        }
        return Cosine(rate, Floor, epoch / period);
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
        // Cycles that grow are counted, so there must not be billions of them.
        if (Factor > 1 && Period is > 0 and < 1e-3)
            yield return string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"period is {Period}, must be at least 0.001 where the factor is not 1"
            );
    }
}
