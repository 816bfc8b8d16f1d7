namespace Hybrid.Speech;

/// <summary>File formats of alignments.</summary>
public enum AlignmentFormat
{
    /// <summary>Praat's TextGrid, long form: <c>.TextGrid</c>.</summary>
    TextGrid,

    /// <summary>Praat's TextGrid, short form: <c>.TextGrid</c>.</summary>
    TextGridShort,

    /// <summary>NIST's CTM: phones in <c>.ctm</c>, and words, if known, in <c>.words.ctm</c>.</summary>
    Ctm,

    /// <summary>A JSON object: <c>.json</c>.</summary>
    Json,
}

/// <summary>
/// Aligns recordings and writes the alignments to files. Each input has a file, or a reason why it has none.
/// </summary>
public static class AlignmentFiles
{
    /// <summary>The files of an alignment.</summary>
    /// <returns>The extension and the content of each file.</returns>
    public static IReadOnlyList<(string Extension, string Content)> Contents(
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

    /// <summary>
    /// Aligns inputs, several at a time, and writes each file atomically, in the order of the inputs.
    /// </summary>
    /// <param name="aligner">The model and the lexicons.</param>
    /// <param name="inputs">Recordings with transcripts.</param>
    /// <param name="folder">The folder of the files, which are named after the inputs.</param>
    /// <param name="format">The file format.</param>
    /// <param name="progress">Receives the index of each finished input, and the reason if it has no file.</param>
    /// <param name="need">Receives the memory need of each alignment before it begins, from any thread.</param>
    /// <param name="cancellation">
    /// Stops between inputs, and between the chunks of a long recording; files already written are kept.
    /// </param>
    /// <param name="aligned">Receives each alignment after its files are written.</param>
    /// <returns>The inputs without a file, with reasons.</returns>
    /// <exception cref="InvalidOperationException">
    /// The model takes precomputed features, and an input has audio.
    /// </exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public static IReadOnlyList<SkippedUtterance> Write(
        Aligner aligner,
        IReadOnlyList<AlignmentInput> inputs,
        ResultFolder folder,
        AlignmentFormat format,
        IProgress<(int Index, string? Reason)>? progress = null,
        IProgress<AlignmentNeed>? need = null,
        CancellationToken cancellation = default,
        IProgress<Alignment>? aligned = null
    )
    {
        var failed = new List<SkippedUtterance>();
        var paths = new Queue<string>();

        // Names are reserved before the alignment, which could not be written otherwise.
        AlignmentInput Reserved(AlignmentInput input)
        {
            var (path, reason) = Try(() => input.Reason is null ? folder.Take(input.Id, Extensions(format)) : "");
            paths.Enqueue(path ?? "");
            return reason is null ? input : input with { Reason = reason };
        }

        foreach (var (index, outcome) in aligner.AlignAll(inputs.Select(Reserved), need, cancellation).Index())
        {
            var path = paths.Dequeue();
            var reason = outcome.Reason ?? Try(() => Write(outcome.Alignment!, path, folder, format)).Reason;
            if (reason is null)
                aligned?.Report(outcome.Alignment!);
            else
                failed.Add(new SkippedUtterance(outcome.Id, reason) { NeedsChannel = outcome.NeedsChannel });
            progress?.Report((index, reason));
        }
        return failed;
    }

    private static string Write(Alignment alignment, string path, ResultFolder folder, AlignmentFormat format)
    {
        foreach (var (extension, content) in Contents(alignment, format))
            folder.Write(path + extension, content);
        return path;
    }

    /// <summary>The path of a function, or the reason why its input has none.</summary>
    private static (string? Path, string? Reason) Try(Func<string> function)
    {
        try
        {
            return (function(), null);
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            return (null, error.Message);
        }
    }

    private static string[] Extensions(AlignmentFormat format) =>
        format switch
        {
            AlignmentFormat.TextGrid or AlignmentFormat.TextGridShort => [".TextGrid"],
            AlignmentFormat.Json => [".json"],
            _ => [".ctm", ".words.ctm"],
        };
}
