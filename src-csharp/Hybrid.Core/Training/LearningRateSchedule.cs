using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// How the learning rate changes over a training of a number of epochs. Time is counted in epochs, fractions included; a
/// training limited by the clock stretches its epochs over the time it has.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "schedule")]
[JsonDerivedType(typeof(ConstantRate), "constant")]
[JsonDerivedType(typeof(WarmUp), "warmUp")]
[JsonDerivedType(typeof(CosineRate), "cosine")]
[JsonDerivedType(typeof(CosineWarmRestarts), "cosineWarmRestarts")]
public abstract record LearningRateSchedule
{
    /// <summary>The learning rate at a moment.</summary>
    /// <param name="rate">The optimiser's own learning rate, the highest.</param>
    /// <param name="epoch">The moment, in [0, <paramref name="epochs"/>].</param>
    /// <param name="epochs">The whole length.</param>
    public abstract double At(double rate, double epoch, double epochs);

    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public abstract IEnumerable<string> Problems();

    /// <summary>Half a cosine from <paramref name="high"/> at 0 to <paramref name="low"/> at 1.</summary>
    private protected static double Cosine(double high, double low, double position) =>
        low + (high - low) * (1 + Math.Cos(Math.PI * Math.Clamp(position, 0, 1))) / 2;

    private protected static IEnumerable<string> Positive(double value, string what)
    {
        if (!(value > 0)) yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{what} is {value}, must be positive");
    }

    private protected static IEnumerable<string> NotNegative(double value, string what)
    {
        if (!(value >= 0)) yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{what} is {value}, must not be negative");
    }
}

/// <summary>The same rate all the time.</summary>
public sealed record ConstantRate : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs) => rate;

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => [];
}

/// <summary>A straight rise from zero, then another schedule over the rest.</summary>
/// <param name="Epochs">Length of the rise.</param>
/// <param name="Then">What follows.</param>
public sealed record WarmUp(double Epochs, LearningRateSchedule Then) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs) =>
        epoch < Epochs ? rate * epoch / Epochs : Then.At(rate, epoch - Epochs, epochs - Epochs);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => Positive(Epochs, "length of the warm-up").Concat(Then.Problems());
}

/// <summary>Half a cosine from the rate down to a floor (Loshchilov and Hutter 2017, without restarts).</summary>
/// <param name="Floor">The rate at the end.</param>
public sealed record CosineRate(double Floor = 0) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(double rate, double epoch, double epochs) => Cosine(rate, Floor, epochs > 0 ? epoch / epochs : 1);

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NotNegative(Floor, "floor");
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
    public override double At(double rate, double epoch, double epochs)
    {
        var period = Period;
        // Cycles of equal length need no counting, and however short they are it takes no time.
        if (Factor == 1) epoch %= period;
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
        foreach (var problem in Positive(Period, "period").Concat(NotNegative(Floor, "floor"))) yield return problem;
        // Cycles that grow are counted, so there must not be billions of them.
        if (Factor > 1 && Period is > 0 and < 1e-3) yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"period is {Period}, must be at least 0.001 where the factor is not 1");
        if (!(Factor >= 1)) yield return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"factor is {Factor}, must be at least 1");
    }
}
