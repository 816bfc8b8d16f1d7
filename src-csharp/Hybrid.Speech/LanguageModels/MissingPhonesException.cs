using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// An n-gram model gives phones probability 0 after every history, so that a search with it never outputs them. The
/// caller may allow that.
/// </summary>
/// <param name="source">The beginning of the message, such as the path of the model's file.</param>
/// <param name="phones">The names of the phones.</param>
public sealed class MissingPhonesException(string source, IReadOnlyList<string> phones)
    : FormatException(
        Quoted.Line(
            $"{source}the n-gram model lacks {(phones.Count == 1 ? "a phone" : $"{phones.Count} phones")}, "
                + $"{Quoted.List(phones, " ")}, and has no {NGramModel.UnknownNames[0]} to score "
                + (phones.Count == 1 ? "it: it" : "them: they")
                + " would never be recognised"
        )
    )
{
    /// <summary>The names of the phones, in the order of the inventory.</summary>
    public IReadOnlyList<string> Phones => phones;
}
