using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>What an alignment is going to take, known before it begins.</summary>
/// <param name="Id">The recording's name.</param>
/// <param name="DurationSeconds">Length of the recording.</param>
/// <param name="Phones">Phones to be placed.</param>
/// <param name="Bytes">Memory for features, probabilities and the search; the sound itself and the network come on top.</param>
public readonly record struct AlignmentNeed(string Id, double DurationSeconds, int Phones, long Bytes);

/// <summary>
/// Finds where the phones and words of known transcripts are in recordings (forced alignment): exactly, without a beam, in
/// memory that does not explode with hours (<see cref="ChunkingOptions"/>, <see cref="CtcAligner"/>). One aligner serves any number of threads
/// at a time. What becomes of blanks and silence: <see cref="AlignmentTimes"/>.
/// </summary>
/// <param name="recognizer">The model, and the threads to use.</param>
/// <param name="lexicons">Pronunciations, tried in order; those of the built-in words where none is given.</param>
public sealed class Aligner(Recognizer recognizer, IReadOnlyList<Lexicon>? lexicons = null)
{
    private readonly Pronouncer pronouncer = Pronouncer.Of(lexicons);
    private readonly CtcAligner aligner = new();

    /// <summary>An aligner with one lexicon.</summary>
    public Aligner(Recognizer recognizer, Lexicon lexicon)
        : this(recognizer, [lexicon]) { }

    /// <summary>
    /// Aligns a recording of a corpus with its transcript: its phones where they are given, else those of its words. Words
    /// are placed too where their phones, pauses aside, are those that are aligned.
    /// </summary>
    /// <param name="utterance">Sound or features, and what is said in it.</param>
    /// <param name="need">Is told what it takes, before it begins.</param>
    /// <exception cref="FormatException">There is no transcript, a word has no pronunciation, or a phone is unknown; or the features do not fit.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its transcript.</exception>
    /// <exception cref="AudioFormatException">The recording cannot be read.</exception>
    /// <exception cref="ArgumentException">The sound's sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="IOException">The recording cannot be read.</exception>
    public Alignment Align(Utterance utterance, IProgress<AlignmentNeed>? need = null)
    {
        if (utterance.FeaturesPath.Length == 0)
            return Align(utterance, utterance.ReadAudio(), need);
        var phones = utterance.Transcribe(pronouncer);
        var (logProbs, duration) = recognizer.LogProbs(utterance);
        Report(need, utterance, duration, phones);
        return Align(utterance, logProbs, duration, phones);
    }

    /// <summary>Aligns a recording with words.</summary>
    /// <exception cref="FormatException">A word has no pronunciation; the message names all that have none.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its words.</exception>
    public Alignment AlignText(string id, AudioClip clip, string text) =>
        Align(new Utterance(id, "", "", "", text, null), clip, null);

    /// <summary>Aligns a sound file with words without holding up the caller's thread.</summary>
    /// <param name="path">WAV or FLAC; the recording's name is the file's without its ending.</param>
    /// <param name="text">What is said in it.</param>
    /// <param name="cancellation">Stops while the file is read, and between the windows of a long recording.</param>
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
    /// <exception cref="FormatException">A phone is not one of the model's; the message names all that are not.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its phones.</exception>
    public Alignment AlignPhones(string id, AudioClip clip, IReadOnlyList<string> phones) =>
        Align(new Utterance(id, "", "", "", null, phones), clip, null);

    private Alignment Align(
        Utterance utterance,
        AudioClip clip,
        IProgress<AlignmentNeed>? need,
        CancellationToken cancellation = default
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
            throw new FormatException("the model holds its transcript for impossible");
        var times = AlignmentTimes.Of(found.Labels, recognizer.Model.Times, duration);
        Interval[] intervals =
        [
            .. found.Labels.Select(
                (label, i) => new Interval(phones[i], times[i].StartSeconds, times[i].EndSeconds, label.Confidence)
            ),
        ];
        return new Alignment(utterance.Id, duration, Words(utterance.Text, intervals), intervals, found.LogProbability);
    }

    /// <summary>The words over their phones; none where their pronunciations are not what was aligned.</summary>
    private IReadOnlyList<Interval> Words(string? text, IReadOnlyList<Interval> phones)
    {
        if (text is null)
            return [];
        var (words, missing) = pronouncer.Pronounce(text);
        var spoken = phones.Where(phone => phone.Label != PhoneInventory.Silence).ToList();
        if (
            missing.Count > 0
            || !words.SelectMany(word => word.Phones).SequenceEqual(spoken.Select(phone => phone.Label))
        )
            return [];
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
