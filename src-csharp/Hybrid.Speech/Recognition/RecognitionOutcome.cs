namespace Hybrid.Speech;

/// <summary>A recording of a list after recognition: its result, or the reason why it has none.</summary>
/// <param name="Id">The path of the file, or the id of the utterance.</param>
/// <param name="Result">The result; null if there is a reason.</param>
/// <param name="Reason">Why the recording cannot be used, in one sentence; null if there is a result.</param>
public sealed record RecognitionOutcome(string Id, RecognitionResult? Result, string? Reason)
{
    /// <summary><see cref="SkippedUtterance.NeedsChannel"/> of the reason.</summary>
    public bool NeedsChannel { get; init; }

    /// <summary>The result of a function, or the reason if its recording cannot be used.</summary>
    internal static RecognitionOutcome Of(string id, Func<RecognitionResult> recognize)
    {
        try
        {
            return new RecognitionOutcome(id, recognize(), null);
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            var skipped = SkippedUtterance.Of(id, error);
            return new RecognitionOutcome(id, null, skipped.Reason) { NeedsChannel = skipped.NeedsChannel };
        }
    }
}
