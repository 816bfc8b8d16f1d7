using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Size and memory of an alignment, reported before it begins.</summary>
/// <param name="Id">Name of the recording.</param>
/// <param name="DurationSeconds">Duration of the recording, in seconds.</param>
/// <param name="Phones">Number of phones to align.</param>
/// <param name="Bytes">Memory for features, log probabilities and the search, without audio and network.</param>
public readonly record struct AlignmentNeed(string Id, double DurationSeconds, int Phones, long Bytes);

/// <summary>
/// Forced alignment: the times of the phones and words of known transcripts in recordings. The search is exact, without
/// a beam. Its memory grows with the square root of the duration (<see cref="CtcAligner"/>), and the network processes
/// long recordings in chunks (<see cref="ChunkingOptions"/>). <see cref="AlignmentTimes"/> divides blanks between
/// phones and pauses. Thread-safe.
/// </summary>
/// <param name="recognizer">The model and its threads.</param>
/// <param name="lexicons">Lexicons in order of precedence; the built-in one if null or empty.</param>
public sealed class Aligner(Recognizer recognizer, IReadOnlyList<Lexicon>? lexicons = null)
{
    private readonly Pronouncer pronouncer = Pronouncer.OfEnglish(lexicons);
    private readonly CtcAligner aligner = new();

    /// <summary>An aligner with one lexicon.</summary>
    public Aligner(Recognizer recognizer, Lexicon lexicon)
        : this(recognizer, [lexicon]) { }

    /// <summary>
    /// Aligns an utterance of a corpus with its transcript: with its phones if it has them, else with those of its
    /// words. The result has times of words if the phones of their pronunciations, without silence, are the aligned
    /// phones.
    /// </summary>
    /// <param name="utterance">Audio or precomputed features, with words or phones.</param>
    /// <param name="need">Receives size and memory before the alignment begins.</param>
    /// <exception cref="FormatException">
    /// The utterance has no transcript, a word has no pronunciation, a phone is unknown, or the features are not those
    /// of the model.
    /// </exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its transcript.</exception>
    /// <exception cref="AudioFormatException">The recording cannot be read.</exception>
    /// <exception cref="ArgumentException">The sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="IOException">The recording cannot be read.</exception>
    public Alignment Align(Utterance utterance, IProgress<AlignmentNeed>? need = null) =>
        Align(utterance, need, CancellationToken.None);

    /// <summary>Aligns a recording with words.</summary>
    /// <exception cref="FormatException">Words have no pronunciation; the message names all of them.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its words.</exception>
    public Alignment AlignText(string id, AudioClip clip, string text) =>
        Align(new Utterance(id, "", "", "", text, null), clip, null, CancellationToken.None);

    /// <summary>Aligns an audio file with words without blocking the calling thread.</summary>
    /// <param name="path">A WAV or FLAC file; the recording is named after it, without the extension.</param>
    /// <param name="text">The words of the recording.</param>
    /// <param name="cancellation">Stops while the file is read, and between the chunks of a long recording.</param>
    /// <inheritdoc cref="AlignText" path="/exception"/>
    /// <exception cref="AudioFormatException">The recording cannot be read.</exception>
    /// <exception cref="IOException">The recording cannot be read.</exception>
    public async Task<Alignment> AlignTextAsync(string path, string text, CancellationToken cancellation = default)
    {
        var (id, clip) = (
            Path.GetFileNameWithoutExtension(path),
            await AudioClip.ReadAsync(path, cancellation).ConfigureAwait(false)
        );
        return await Task.Run(
                () => Align(new Utterance(id, path, "", "", text, null), clip, null, cancellation),
                cancellation
            )
            .ConfigureAwait(false);
    }

    /// <summary>Aligns a recording with phones.</summary>
    /// <exception cref="FormatException">The model lacks phones; the message names all of them.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its phones.</exception>
    public Alignment AlignPhones(string id, AudioClip clip, IReadOnlyList<string> phones) =>
        Align(new Utterance(id, "", "", "", null, phones), clip, null, CancellationToken.None);

    /// <summary>
    /// Aligns inputs, one on each thread of the recogniser's team. The alignments equal those of single calls and come
    /// in the order of the inputs, each as soon as those before it are there. Memory does not depend on the number of
    /// inputs; files of more than 16 MiB are read one at a time.
    /// </summary>
    /// <param name="inputs">Recordings with transcripts; read ahead of the results, by a bounded number.</param>
    /// <param name="need">Receives the memory need of each alignment before it begins, from any thread.</param>
    /// <param name="cancellation">Stops between inputs, and between the chunks of a long recording.</param>
    /// <returns>An alignment or a reason for each input. The work is done while they are enumerated.</returns>
    /// <exception cref="InvalidOperationException">
    /// The model takes precomputed features, and an input has audio.
    /// </exception>
    /// <exception cref="OperationCanceledException">The enumeration was cancelled.</exception>
    public IEnumerable<AlignmentOutcome> AlignAll(
        IEnumerable<AlignmentInput> inputs,
        IProgress<AlignmentNeed>? need = null,
        CancellationToken cancellation = default
    ) =>
        recognizer.Concurrently(
            inputs,
            input => input.Utterance?.SourcePath,
            (input, token) => TryAlign(input, need, token),
            cancellation
        );

    private AlignmentOutcome TryAlign(
        AlignmentInput input,
        IProgress<AlignmentNeed>? need,
        CancellationToken cancellation
    )
    {
        if (input.Reason is not null)
            return new AlignmentOutcome(input.Id, null, input.Reason);
        try
        {
            return new AlignmentOutcome(input.Id, Align(input.Utterance!, need, cancellation), null);
        }
        catch (Exception error) when (SkippedUtterance.CanSkip(error))
        {
            var skipped = SkippedUtterance.Of(input.Id, error);
            return new AlignmentOutcome(input.Id, null, skipped.Reason) { NeedsChannel = skipped.NeedsChannel };
        }
    }

    private Alignment Align(Utterance utterance, IProgress<AlignmentNeed>? need, CancellationToken cancellation)
    {
        if (utterance.FeaturesPath.Length == 0)
            return Align(utterance, utterance.ReadAudio(), need, cancellation);
        var phones = utterance.Transcribe(pronouncer);
        var (logProbs, duration) = recognizer.LogProbs(utterance);
        Report(need, utterance, duration, phones);
        return Align(utterance, logProbs, duration, phones);
    }

    private Alignment Align(
        Utterance utterance,
        AudioClip clip,
        IProgress<AlignmentNeed>? need,
        CancellationToken cancellation
    )
    {
        var phones = utterance.Transcribe(pronouncer);
        Report(need, utterance, clip.DurationSeconds, phones);
        return Align(utterance, recognizer.LogProbs(clip, cancellation), clip.DurationSeconds, phones);
    }

    private Alignment Align(Utterance utterance, LogProbs logProbs, double duration, IReadOnlyList<string> phones)
    {
        if (phones.Count == 0)
            throw new FormatException("its transcript is empty");
        var found = aligner.Align(logProbs, recognizer.Model.Inventory.Labels(phones), utterance.Id);
        if (found.Labels.Count < phones.Count)
            throw new FormatException("the transcript has probability 0 under the model");
        var times = AlignmentTimes.Of(found.Labels, recognizer.Model.Times, duration);
        Interval[] intervals =
        [
            .. found.Labels.Select(
                (label, i) => new Interval(phones[i], times[i].StartSeconds, times[i].EndSeconds, label.Confidence)
            ),
        ];
        var words = Words(utterance.Text, intervals);
        return new Alignment(utterance.Id, duration, Times(words, intervals), intervals, found.LogProbability)
        {
            GuessedWords = [.. words.Where(word => word.IsGuessed).Select(word => word.Spelling).Distinct()],
        };
    }

    /// <summary>The words of a text; none if the phones of their pronunciations are not the aligned phones.</summary>
    private IReadOnlyList<Word> Words(string? text, IReadOnlyList<Interval> phones)
    {
        if (text is null)
            return [];
        var (words, missing) = pronouncer.Pronounce(text);
        var spoken = phones.Select(phone => phone.Label).Where(phone => phone != PhoneInventory.Silence);
        return missing.Count == 0 && words.SelectMany(word => word.Phones).SequenceEqual(spoken) ? words : [];
    }

    private static List<Interval> Times(IReadOnlyList<Word> words, IReadOnlyList<Interval> phones)
    {
        var spoken = phones.Where(phone => phone.Label != PhoneInventory.Silence).ToList();
        var (intervals, place) = (new List<Interval>(words.Count), 0);
        foreach (var word in words)
        {
            var own = spoken.GetRange(place, word.Phones.Count);
            place += own.Count;
            intervals.Add(
                new Interval(
                    word.Spelling,
                    own[0].StartSeconds,
                    own[^1].EndSeconds,
                    own.Average(phone => phone.Confidence)
                )
            );
        }
        return intervals;
    }

    private void Report(
        IProgress<AlignmentNeed>? need,
        Utterance utterance,
        double seconds,
        IReadOnlyList<string> phones
    ) => need?.Report(new AlignmentNeed(utterance.Id, seconds, phones.Count, BytesNeeded(seconds, phones.Count)));

    private long BytesNeeded(double seconds, int phones)
    {
        var model = recognizer.Model;
        var frames = (int)Math.Min(int.MaxValue, seconds / model.Features.HopSeconds);
        // Logits become log probabilities in a second array.
        return (long)frames * model.Features.Width * sizeof(float)
            + 2L * model.Network.OutputLength(frames) * model.Inventory.Count * sizeof(float)
            + CtcAligner.MemoryNeeded(model.Network.OutputLength(frames), phones);
    }
}
