using System.Globalization;

namespace Hybrid.Core;

/// <summary>
/// The loss or the gradient is not finite. The message names the utterances of the batch and the first tensor with NaN
/// or infinity.
/// </summary>
public sealed class TrainingDivergedException(double loss, IReadOnlyList<string> utterances, string tensor)
    : Exception(
        string.Create(
            CultureInfo.InvariantCulture,
            $"the loss is {loss} in a batch of {Quoted.List(utterances)}; the first numbers that are not finite are in "
        ) + $"{tensor}: try a lower learning rate or clipping, and check these utterances"
    )
{
    /// <summary>The utterances of the batch.</summary>
    public IReadOnlyList<string> Utterances { get; } = utterances;

    /// <summary>The first tensor with NaN or infinity.</summary>
    public string Tensor { get; } = tensor;
}
