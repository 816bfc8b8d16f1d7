using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Finds where the phones and words of known transcripts are in recordings (forced alignment): exactly, without a beam. One
/// aligner serves any number of threads at a time.
/// </summary>
/// <param name="recognizer">The model, and the threads to use.</param>
/// <param name="lexicons">Pronunciations, tried in order; those of the built-in words where none is given.</param>
public sealed class Aligner(Recognizer recognizer, IReadOnlyList<Lexicon>? lexicons = null)
{
    private readonly Pronouncer pronouncer = new(lexicons is { Count: > 0 } ? lexicons : [Lexicon.BuiltIn]);
    private readonly CtcAligner aligner = new();

    /// <summary>Aligns a recording of a corpus with its transcript.</summary>
    /// <exception cref="FormatException">A word has no pronunciation, or a phone is unknown.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its transcript.</exception>
    /// <exception cref="AudioFormatException">The recording cannot be read.</exception>
    /// <exception cref="IOException">The recording cannot be read.</exception>
    public Alignment Align(Utterance utterance)
    {
        var clip = AudioClip.Read(utterance.AudioPath);
        return utterance.Phones is { } phones ? AlignPhones(utterance.Id, clip, phones) : AlignText(utterance.Id, clip, utterance.Text ?? "");
    }

    /// <summary>Aligns a recording with words.</summary>
    /// <exception cref="FormatException">A word has no pronunciation; the message names all that have none.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its words.</exception>
    public Alignment AlignText(string id, AudioClip clip, string text)
    {
        var (words, missing) = pronouncer.Pronounce(text);
        if (missing.Count > 0) throw new FormatException($"no pronunciation of {string.Join(", ", missing)}: give a lexicon that has {(missing.Count > 1 ? "them" : "it")}");
        var aligned = AlignPhones(id, clip, [.. words.SelectMany(word => word.Phones)]);
        var (intervals, place) = (new List<AlignedInterval>(), 0);
        foreach (var word in words)
        {
            var own = aligned.Phones.Skip(place).Take(word.Phones.Count).ToList();
            place += word.Phones.Count;
            intervals.Add(new AlignedInterval(word.Spelling, own[0].StartSeconds, own[^1].EndSeconds, own.Average(phone => phone.Confidence)));
        }
        return aligned with { Words = intervals };
    }

    /// <summary>Aligns a recording with phones.</summary>
    /// <exception cref="FormatException">A phone is not one of the model's; the message names all that are not.</exception>
    /// <exception cref="InfeasibleTargetException">The recording is too short for its phones.</exception>
    public Alignment AlignPhones(string id, AudioClip clip, IReadOnlyList<string> phones)
    {
        var alignment = aligner.Align(recognizer.LogProbs(clip), recognizer.Model.Inventory.Labels(phones), id);
        var times = AlignmentTimes.Of(alignment.Labels, recognizer.Model.Times, clip.DurationSeconds);
        var intervals = alignment.Labels.Select((label, i) => new AlignedInterval(phones[i], times[i].StartSeconds, times[i].EndSeconds, label.Confidence));
        return new Alignment(id, clip.DurationSeconds, [], [.. intervals], alignment.LogProbability);
    }
}
