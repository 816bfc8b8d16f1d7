using System.Globalization;
using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>
/// Learning rate as a function of training time. Time is counted in epochs, including fractions; a training limited by
/// the clock stretches its epochs over the time it has.
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
    /// <summary>The learning rate at a time before the first validation.</summary>
    /// <param name="rate">The optimiser's learning rate, the maximum of the schedule.</param>
    /// <param name="epoch">The time in epochs, in [0, <paramref name="epochs"/>].</param>
    /// <param name="epochs">Length of the schedule in epochs.</param>
    public double At(double rate, double epoch, double epochs) => At(rate, epoch, epochs, []);

    /// <summary>The learning rate at a time.</summary>
    /// <param name="rate">The optimiser's learning rate, the maximum of the schedule.</param>
    /// <param name="epoch">The time in epochs, in [0, <paramref name="epochs"/>].</param>
    /// <param name="epochs">Length of the schedule in epochs.</param>
    /// <param name="validations">Validation results since the start of the schedule, in order.</param>
    /// <param name="metric">
    /// The figure by which <see cref="ReduceOnPlateau"/> compares them, unless it sets its own.
    /// </param>
    public double At(
        double rate,
        double epoch,
        double epochs,
        ReadOnlySpan<ValidationPoint> validations,
        SelectionMetric metric = SelectionMetric.DevPer
    ) => At(new ScheduleTime(rate, epoch, epochs, validations, metric));

    internal abstract double At(in ScheduleTime now);

    /// <summary>Invalid settings; each a phrase with the setting, its value and the bound.</summary>
    public abstract IEnumerable<string> Problems();

    /// <summary>Conflicts of valid settings with the optimiser's learning rate or the length in epochs.</summary>
    internal virtual IEnumerable<string> Conflicts(double rate, double epochs) => [];

    /// <summary>Half a cosine from <paramref name="high"/> at position 0 to <paramref name="low"/> at 1.</summary>
    private protected static double Cosine(double high, double low, double position) =>
        low + (high - low) * (1 + Math.Cos(Math.PI * Math.Clamp(position, 0, 1))) / 2;

    private protected static IEnumerable<string> FloorConflicts(double floor, double rate) =>
        floor > rate
            ?
            [
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"floor is {floor}, above the learning rate of {rate}: give a lower floor or a higher learning rate"
                ),
            ]
            : [];
}

/// <summary>A time in a schedule, with everything that a learning rate may depend on.</summary>
/// <remarks>
/// Boundaries within a relative 1e-12 count as reached: settings such as 0.1 have no exact binary value, and sums of
/// them must not delay a boundary at a whole epoch.
/// </remarks>
internal readonly ref struct ScheduleTime(
    double rate,
    double epoch,
    double epochs,
    ReadOnlySpan<ValidationPoint> validations,
    SelectionMetric metric
)
{
    private const double Tolerance = 1e-12;

    /// <summary>The optimiser's learning rate, the maximum of the schedule.</summary>
    public double Rate { get; init; } = rate;

    /// <summary>The time in epochs since the start of the schedule.</summary>
    public double Epoch { get; } = epoch;

    /// <summary>Length of the schedule in epochs.</summary>
    public double Epochs { get; } = epochs;

    /// <summary>Validation results since the start of the schedule, in order.</summary>
    public ReadOnlySpan<ValidationPoint> Validations { get; } = validations;

    /// <summary>The figure by which validation results are compared.</summary>
    public SelectionMetric Metric { get; } = metric;

    /// <summary>The time as a fraction of the schedule; 1 for a schedule of no length.</summary>
    public double Position => Epochs > 0 ? Epoch / Epochs : 1;

    /// <summary>Whether a length does not fit into a number of epochs, apart from rounding.</summary>
    public static bool IsLonger(double length, double epochs) => length > epochs + 1e-9;

    /// <summary>Whether a boundary has been reached.</summary>
    public bool HasReached(double boundary) => Epoch >= boundary * (1 - Tolerance);

    /// <summary>Completed periods of equal length.</summary>
    public double Completed(double period) => Math.Floor(Epoch / period * (1 + Tolerance));

    /// <summary>Position in the current one of periods of equal length, in [0, 1).</summary>
    public double PositionIn(double period)
    {
        var position = Epoch % period / period;
        return position < 1 - Tolerance ? position : 0;
    }

    /// <summary>The same time in a schedule that starts and ends within this one.</summary>
    public ScheduleTime Within(double start, double end)
    {
        var later = Validations;
        while (later.Length > 0 && later[0].Epoch <= start)
            later = later[1..];
        return new ScheduleTime(Rate, Math.Max(0, Epoch - start), end - start, later, Metric);
    }
}

/// <summary>A constant learning rate.</summary>
public sealed record ConstantRate : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) => now.Rate;

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => [];
}

/// <summary>Another schedule, relative to a fraction of the optimiser's learning rate.</summary>
/// <param name="Factor">The fraction, in (0, 1].</param>
/// <param name="Of">The other schedule.</param>
public sealed record ScaledRate(double Factor, LearningRateSchedule Of) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) => Of.At(now with { Rate = Factor * now.Rate });

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() => NumberProblems.AboveZero(Factor, "factor").Concat(Of.Problems());

    internal override IEnumerable<string> Conflicts(double rate, double epochs) => Of.Conflicts(Factor * rate, epochs);
}

/// <summary>A linear rise from zero, followed by another schedule.</summary>
/// <param name="Epochs">Length of the rise in epochs.</param>
/// <param name="Then">The following schedule, which gets the remaining epochs.</param>
public sealed record WarmUp(double Epochs, LearningRateSchedule Then) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now) =>
        now.HasReached(Epochs) ? Then.At(now.Within(Epochs, now.Epochs)) : now.Rate * now.Epoch / Epochs;

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        NumberProblems.Positive(Epochs, "length of the warm-up").Concat(Then.Problems());

    internal override IEnumerable<string> Conflicts(double rate, double epochs)
    {
        if (ScheduleTime.IsLonger(Epochs, epochs))
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"length of the warm-up is {Epochs} epochs, of {epochs} in all: shorten the warm-up or train longer"
            );
        foreach (var conflict in Then.Conflicts(rate, epochs - Epochs))
            yield return conflict;
    }
}

/// <summary>A part of a <see cref="SequenceRate"/>.</summary>
/// <param name="Epochs">Its length in epochs.</param>
/// <param name="Rate">Its schedule, from the start to the end of the part.</param>
public sealed record RatePart(double Epochs, LearningRateSchedule Rate);

/// <summary>Consecutive schedules (PyTorch's SequentialLR).</summary>
/// <param name="Parts">Schedules with a length.</param>
/// <param name="Last">The schedule of the remaining epochs.</param>
public sealed record SequenceRate(IReadOnlyList<RatePart> Parts, LearningRateSchedule Last) : LearningRateSchedule
{
    internal override double At(in ScheduleTime now)
    {
        var start = 0.0;
        for (var i = 0; i < Parts.Count; start += Parts[i++].Epochs)
            if (!now.HasReached(start + Parts[i].Epochs))
                return Parts[i].Rate.At(now.Within(start, start + Parts[i].Epochs));
        return Last.At(now.Within(start, now.Epochs));
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems() =>
        [
            .. Parts.SelectMany(part =>
                NumberProblems.Positive(part.Epochs, "length of a part").Concat(part.Rate.Problems())
            ),
            .. Last.Problems(),
        ];

    internal override IEnumerable<string> Conflicts(double rate, double epochs)
    {
        var sum = Parts.Sum(part => part.Epochs);
        if (ScheduleTime.IsLonger(sum, epochs))
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"length of the parts is {sum} epochs, of {epochs} in all: shorten the parts or train longer"
            );
        foreach (
            var conflict in Parts
                .SelectMany(part => part.Rate.Conflicts(rate, part.Epochs))
                .Concat(Last.Conflicts(rate, epochs - sum))
        )
            yield return conflict;
    }

    /// <summary>Equality of all parts and the last schedule.</summary>
    public bool Equals(SequenceRate? other) =>
        other is not null && Parts.SequenceEqual(other.Parts) && Last == other.Last;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Parts.Count, Last);
}
