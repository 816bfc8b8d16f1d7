namespace Hybrid.Core;

/// <summary>The result of <see cref="Network{TReal}.TakeMatching"/>.</summary>
/// <param name="Taken">Names of the tensors that were taken.</param>
/// <param name="Kept">The network's other tensors, each with its shape and the reason.</param>
/// <param name="Unused">Names of the other network's tensors that this network lacks.</param>
public sealed record WeightTransfer(
    IReadOnlyList<string> Taken,
    IReadOnlyList<string> Kept,
    IReadOnlyList<string> Unused
);
