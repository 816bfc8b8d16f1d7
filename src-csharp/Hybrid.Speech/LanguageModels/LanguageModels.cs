using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Phone n-gram models for beam search: estimation from transcripts, ARPA files.
/// </summary>
public static class LanguageModels
{
    /// <summary>
    /// Estimates a model from the transcripts of utterances (interpolated Kneser-Ney, <see
    /// cref="NGramModel.Estimate"/>).
    /// </summary>
    /// <param name="utterances">Utterances with words or phones; the audio is not read.</param>
    /// <param name="inventory">The symbols of the model.</param>
    /// <param name="order">Length of the longest n-grams, 1 to 8.</param>
    /// <param name="lexicons">Lexicons in order of precedence; the built-in one if null or empty.</param>
    /// <returns>The model, and the utterances whose transcripts could not be used.</returns>
    /// <exception cref="FormatException">No transcript can be used; the message has the first reasons.</exception>
    public static (NGramModel Model, IReadOnlyList<SkippedUtterance> Skipped) Estimate(
        IEnumerable<Utterance> utterances,
        PhoneInventory inventory,
        int order,
        IReadOnlyList<Lexicon>? lexicons = null
    )
    {
        var pronouncer = Pronouncer.Of(lexicons);
        var (sequences, skipped) = (new List<int[]>(), new List<SkippedUtterance>());
        foreach (var utterance in utterances)
        {
            try
            {
                sequences.Add(inventory.Labels(utterance.Transcribe(pronouncer)));
            }
            catch (Exception error) when (SkippedUtterance.CanSkip(error))
            {
                skipped.Add(new SkippedUtterance(utterance.Id, error.Message));
            }
        }
        if (sequences.Count == 0)
            throw new FormatException(
                $"there is no transcript to learn from{string.Concat(skipped.Take(3).Select(left => $"; {left}"))}"
            );
        return (NGramModel.Estimate(sequences, inventory.Count, order), skipped);
    }

    /// <summary>Reads an ARPA file, plain or compressed with gzip.</summary>
    /// <param name="path">The file.</param>
    /// <param name="inventory">The phones of the recogniser.</param>
    /// <param name="allowMissingPhones">
    /// Whether a model is read that gives phones probability 0, <see cref="NGramModel.MissingSymbols"/>.
    /// </param>
    /// <exception cref="MissingPhonesException">
    /// The model lacks phones of the inventory and has no <c>&lt;unk&gt;</c>, and that is not allowed.
    /// </exception>
    /// <exception cref="FormatException">
    /// The file is truncated, or a line is malformed or names a phone that the inventory lacks; or the model lacks the
    /// end of a sequence. The message names file and line.
    /// </exception>
    /// <exception cref="IOException">The file is missing, a folder, or cannot be read.</exception>
    public static NGramModel Read(string path, PhoneInventory inventory, bool allowMissingPhones = false)
    {
        var model = InputFile.Read(path, file =>
        {
            using var content = UnpackedStream.Gunzip(file);
            using var text = new StreamReader(content);
            var model = NGramModel.Read(text, inventory.Symbols);
            // gzip has its check sum at the end.
            (content as UnpackedStream)?.Finish();
            return model.CanEnd
                ? model
                : throw new FormatException(
                    $"the n-gram model gives the end of every sequence, {NGramModel.SentenceEnd}, probability 0, so "
                        + $"that nothing would ever be recognised: add {NGramModel.SentenceEnd} to its 1-grams"
                );
        });
        return model.MissingSymbols.Count == 0 || allowMissingPhones
            ? model
            : throw new MissingPhonesException($"{Quoted.Path(path)}: ", [.. inventory.Names(model.MissingSymbols)]);
    }

    /// <summary>Writes an ARPA file, as a whole or not at all.</summary>
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public static void Write(string path, NGramModel model, PhoneInventory inventory) =>
        AtomicFile.Write(path, stream =>
        {
            using var text = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            model.Write(text, inventory.Symbols);
        });
}
