namespace Hybrid.Speech;

/// <summary>An utterance that could not be used, and why.</summary>
public readonly record struct SkippedUtterance(string Id, string Reason)
{
    /// <summary>Id and reason.</summary>
    public override string ToString() => $"{Id}: {Reason}";
}
