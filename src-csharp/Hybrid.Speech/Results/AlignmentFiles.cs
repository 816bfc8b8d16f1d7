using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>How alignments are written.</summary>
public enum AlignmentFormat
{
    /// <summary>Praat's TextGrid, long form: <c>.TextGrid</c>.</summary>
    TextGrid,

    /// <summary>Praat's TextGrid, short form: <c>.TextGrid</c>.</summary>
    TextGridShort,

    /// <summary>NIST's CTM: phones in <c>.ctm</c> and, where they are known, words in <c>.words.ctm</c>.</summary>
    Ctm,

    /// <summary>A JSON object: <c>.json</c>.</summary>
    Json,
}

/// <summary>Aligns any number of recordings into files. For each input there is a file, or a reason why there is none.</summary>
public static class AlignmentFiles
{
    /// <summary>The files of an alignment: what is put behind its name, and what is in it.</summary>
    public static IReadOnlyList<(string Ending, string Content)> Contents(
        Alignment alignment,
        AlignmentFormat format
    ) =>
        format switch
        {
            AlignmentFormat.TextGrid or AlignmentFormat.TextGridShort =>
            [
                (".TextGrid", TextGrid.Of(alignment).Write(format == AlignmentFormat.TextGridShort)),
            ],
            AlignmentFormat.Json => [(".json", ResultJson.Alignment(alignment))],
            AlignmentFormat.Ctm when alignment.Words.Count > 0 =>
            [
                (".ctm", Ctm.Write(alignment.Id, alignment.Phones)),
                (".words.ctm", Ctm.Write(alignment.Id, alignment.Words)),
            ],
            _ => [(".ctm", Ctm.Write(alignment.Id, alignment.Phones))],
        };

    /// <summary>Aligns and writes, each file as a whole or not at all.</summary>
    /// <param name="aligner">The model and the lexicons.</param>
    /// <param name="inputs">What to align.</param>
    /// <param name="folder">Where the files go, by the names of the inputs; made if it is not there.</param>
    /// <param name="format">How they are written.</param>
    /// <param name="done">Is told of each input when it is done: its place, and why it failed or null.</param>
    /// <param name="need">Is told what an alignment takes before it begins.</param>
    /// <param name="cancellation">Stops between inputs; what was written stays.</param>
    /// <returns>The inputs without a file, with reasons.</returns>
    public static IReadOnlyList<SkippedUtterance> Write(
        Aligner aligner,
        IReadOnlyList<AlignmentInput> inputs,
        string folder,
        AlignmentFormat format,
        IProgress<(int Place, string? Reason)>? done = null,
        IProgress<AlignmentNeed>? need = null,
        CancellationToken cancellation = default
    )
    {
        var failed = new List<SkippedUtterance>();
        var results = new ResultFolder(folder);
        foreach (var (place, input) in inputs.Index())
        {
            cancellation.ThrowIfCancellationRequested();
            var reason = input.Reason
                ?? Attempt(() =>
                {
                    // First, so that nothing is computed that cannot be written.
                    var path = results.Take(input.Id);
                    if (format == AlignmentFormat.Ctm)
                        results.Take(input.Id + ".words");
                    foreach (var (ending, content) in Contents(aligner.Align(input.Utterance!, need), format))
                        ResultFolder.Write(path + ending, content);
                });
            if (reason is not null)
                failed.Add(new SkippedUtterance(input.Id, reason));
            done?.Report((place, reason));
        }
        return failed;
    }

    /// <summary>Why something failed, or null.</summary>
    private static string? Attempt(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception error)
            when (error
                    is FormatException
                        or AudioFormatException
                        or InfeasibleTargetException
                        or IOException
                        or UnauthorizedAccessException
                        or ArgumentException
                        or InvalidOperationException
            )
        {
            return error.Message;
        }
    }
}
