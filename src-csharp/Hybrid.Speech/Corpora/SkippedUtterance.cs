using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>An utterance that cannot be used.</summary>
/// <param name="Id">The utterance's id, or a file name.</param>
/// <param name="Reason">Why it cannot be used, in one sentence.</param>
public readonly record struct SkippedUtterance(string Id, string Reason)
{
    /// <summary>
    /// <see cref="AudioFormatException.NeedsChannel"/> of the reason: a selected channel can be used.
    /// </summary>
    public bool NeedsChannel { get; init; }

    /// <summary>An utterance that cannot be used because of an error.</summary>
    internal static SkippedUtterance Of(string id, Exception error) =>
        new(id, error.Message) { NeedsChannel = error is AudioFormatException { NeedsChannel: true } };

    /// <summary>Id and reason, on one line of bounded length.</summary>
    public override string ToString() => Quoted.Line($"{Quoted.Unless(Id)}: {Reason}");

    /// <summary>Whether an exception concerns a single input, so that work continues with the next one.</summary>
    public static bool CanSkip(Exception error) =>
        error
            is IOException
                or FormatException
                or AudioFormatException
                or InfeasibleTargetException
                or ArgumentException
                or UnauthorizedAccessException;
}
