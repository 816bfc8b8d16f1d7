using System.Buffers;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>The layout of a synthetic corpus on disk.</summary>
public enum SyntheticLayout
{
    /// <summary>Sound files, and a manifest with words, phones and phone boundaries.</summary>
    Manifest,

    /// <summary>
    /// Features and phones, with pauses, as in CMU 11-785 homework 3 part 2; the test part has no transcripts.
    /// </summary>
    Hw3p2,
}

/// <summary>
/// Writes corpora of synthetic speech. Speakers and sentences of the splits train, dev and test are disjoint.
/// </summary>
public static class SyntheticCorpus
{
    /// <summary>The minimum number of speakers: one for each split.</summary>
    public const int FewestSpeakers = 3;

    private const int FewestWords = 2,
        MostWords = 6;

    private static readonly FeatureExtractor HomeworkFeatures = new(new FeaturePreset());

    /// <summary>Writes a corpus into a folder; files of the same names are replaced.</summary>
    /// <param name="folder">The folder; created if it does not exist.</param>
    /// <param name="utterances">Number of utterances; speakers alternate.</param>
    /// <param name="speakers">Number of voices; a tenth each, at least one, are in dev and test.</param>
    /// <param name="seed">The seed of voices, sentences and speech.</param>
    /// <param name="progress">Reports the fraction done.</param>
    /// <param name="cancellation">Cancels between utterances.</param>
    /// <param name="layout">The layout on disk.</param>
    /// <returns>The corpus, read from the folder.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Too few speakers, or fewer utterances than speakers.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static Corpus Write(
        string folder,
        int utterances,
        int speakers,
        ulong seed = 0,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default,
        SyntheticLayout layout = SyntheticLayout.Manifest
    )
    {
        if (speakers < FewestSpeakers)
            throw new ArgumentOutOfRangeException(
                nameof(speakers),
                speakers,
                $"a corpus needs at least {FewestSpeakers} speakers, one each for train, dev and test"
            );
        if (utterances < speakers)
            throw new ArgumentOutOfRangeException(
                nameof(utterances),
                utterances,
                $"{speakers} speakers need at least as many utterances"
            );
        var random = new CounterRandom(seed).Fork("synthetic corpus");
        var voices = Enumerable
            .Range(0, speakers)
            .Select(i => SpeakerVoice.Random($"speaker{i:D3}", random.Fork("voices").Fork((ulong)i)))
            .ToArray();
        var sentences = new SentenceMaker(WordList.All).Sentences(
            random.Fork("sentences"),
            utterances,
            FewestWords,
            MostWords,
            new HashSet<string>()
        );

        var lines = new string[utterances];
        var done = 0;
        Parallel.For(0, utterances, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            var voice = voices[i % speakers];
            var spoken = Synthesizer.Speak(sentences[i], voice, random.Fork("speech").Fork((ulong)i));
            var (id, split) = ($"{voice.Name}-{i:D4}", Split(i % speakers, speakers));
            if (layout == SyntheticLayout.Manifest)
                lines[i] = WriteSound(folder, id, voice.Name, split, spoken);
            else
                WriteArrays(folder, id, split, spoken);
            progress?.Report((double)Interlocked.Increment(ref done) / utterances);
        });
        if (layout == SyntheticLayout.Manifest)
            AtomicFile.Write(Path.Combine(folder, Corpus.ManifestName), stream =>
            {
                using var writer = new StreamWriter(stream, leaveOpen: true);
                foreach (var line in lines)
                    writer.Write(line + "\n");
            });
        return Corpus.Read(folder);
    }

    private static string Split(int speaker, int speakers)
    {
        var held = Math.Max(1, speakers / 10);
        return speaker < held ? "test"
            : speaker < 2 * held ? "dev"
            : "train";
    }

    private static string WriteSound(string folder, string id, string speaker, string split, SpokenUtterance spoken)
    {
        var audio = $"wav/{id}.wav";
        Directory.CreateDirectory(Path.Combine(folder, "wav"));
        new AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav(Path.Combine(folder, audio));
        return Line(id, audio, speaker, split, spoken);
    }

    private static void WriteArrays(string folder, string id, string split, SpokenUtterance spoken)
    {
        var features = HomeworkFeatures.ExtractRaw(new AudioClip(spoken.Samples, SpokenUtterance.SampleRate));
        string[] phones = [Hw3p2Layout.Begin, .. spoken.Segments.Select(segment => segment.Label), Hw3p2Layout.End];
        var coefficients = HomeworkFeatures.Preset.Coefficients;
        Write(Hw3p2Layout.Features, NpyArray.FromSingles(features, features.Length / coefficients, coefficients));
        if (split != "test")
            Write(Hw3p2Layout.Transcripts, NpyArray.FromStrings(phones, phones.Length));

        void Write(string kind, NpyArray array)
        {
            var place = Path.Combine(folder, split == "train" ? "train-clean-100" : $"{split}-clean", kind);
            Directory.CreateDirectory(place);
            array.Write(Path.Combine(place, $"{id}.npy"));
        }
    }

    private static string Line(string id, string audio, string speaker, string split, SpokenUtterance spoken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("audio", audio);
            json.WriteString("speaker", speaker);
            json.WriteString("split", split);
            json.WriteString("text", spoken.Text);
            json.WriteString("phones", string.Join(' ', spoken.Phones));
            json.WriteStartArray("segments");
            foreach (var segment in spoken.Segments)
            {
                json.WriteStartObject();
                json.WriteString("phone", segment.Label);
                json.WriteNumber("startSeconds", segment.StartSeconds);
                json.WriteNumber("endSeconds", segment.EndSeconds);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
