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

    /// <summary>Aligns inputs and writes each file atomically.</summary>
    /// <param name="aligner">The model and the lexicons.</param>
    /// <param name="inputs">Recordings with transcripts.</param>
    /// <param name="folder">The folder of the files, which are named after the inputs.</param>
    /// <param name="format">The file format.</param>
    /// <param name="progress">Receives the index of each finished input, and the reason if it has no file.</param>
    /// <param name="need">Receives the memory need of each alignment before it begins.</param>
    /// <param name="cancellation">Stops between inputs; files already written are kept.</param>
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
        CancellationToken cancellation = default
    )
    {
        var failed = new List<SkippedUtterance>();
        foreach (var (index, input) in inputs.Index())
        {
            cancellation.ThrowIfCancellationRequested();
            var skipped = input.Reason is { } reason
                ? new SkippedUtterance(input.Id, reason)
                : TryWrite(aligner, input.Id, input.Utterance!, folder, format, need);
            if (skipped is not null)
                failed.Add(skipped.Value);
            progress?.Report((index, skipped?.Reason));
        }
        return failed;
    }

    /// <summary>Aligns an utterance and writes its files; returns the reason if that fails, else null.</summary>
    private static SkippedUtterance? TryWrite(
        Aligner aligner,
        string id,
        Utterance utterance,
        ResultFolder folder,
        AlignmentFormat format,
        IProgress<AlignmentNeed>? need
    )
    {
        try
        {
            // Before the alignment, which could not be written otherwise.
            var path = folder.Take(id, Extensions(format));
            foreach (var (extension, content) in Contents(aligner.Align(utterance, need), format))
                folder.Write(path + extension, content);
            return null;
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            return SkippedUtterance.Of(id, error);
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
