using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// The size of the layers of a network up to some layer, computed before they are built. Numbers are upper bounds
/// within a few percent, in double precision so that they cannot overflow.
/// </summary>
internal struct NetworkSize()
{
    private double parameters,
        values,
        multiplyAdds;

    /// <summary>Frames of the latest layer's output, for <see cref="SpecLimits.Frames"/> input frames.</summary>
    public long Frames { get; set; } = SpecLimits.Frames;

    /// <summary>Groups of all convolutions.</summary>
    public long Groups { get; set; }

    /// <summary>Adds a layer whose output has <see cref="Frames"/> frames.</summary>
    /// <param name="layerParameters">Its parameters, each of which takes part in one multiply-add per frame.</param>
    /// <param name="valuesPerFrame">Values that it keeps for each frame, its output included.</param>
    public void Add(double layerParameters, double valuesPerFrame)
    {
        parameters += layerParameters;
        values += valuesPerFrame * Frames;
        multiplyAdds += layerParameters * Frames;
    }

    /// <summary>The first limit that is exceeded, as a problem; null if there is none.</summary>
    public readonly string? Problem() =>
        Exceeds(parameters, SpecLimits.Parameters, "parameters")
        ?? Exceeds(Groups, SpecLimits.AllGroups, "groups of channels")
        ?? Exceeds(values, SpecLimits.Values, $"values in {SpecLimits.Frames} frames")
        ?? Exceeds(multiplyAdds, SpecLimits.MultiplyAdds, $"multiply-adds in {SpecLimits.Frames} frames");

    private static string? Exceeds(double value, long most, string what) =>
        value <= most
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"the network has {value:0} {what} up to this layer, must have at most {most}"
            );
}
