namespace Hybrid.Speech;

/// <summary>An input after alignment: its alignment, or the reason why it has none.</summary>
/// <param name="Id">The name of the input.</param>
/// <param name="Alignment">The alignment; null if there is a reason.</param>
/// <param name="Reason">Why the input cannot be aligned, in one sentence; null if there is an alignment.</param>
public sealed record AlignmentOutcome(string Id, Alignment? Alignment, string? Reason)
{
    /// <summary><see cref="SkippedUtterance.NeedsChannel"/> of the reason.</summary>
    public bool NeedsChannel { get; init; }
}
