using System.Buffers;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Makes corpora of synthetic speech: sound files, and a manifest with words, phones and phone boundaries. Speakers and
/// sentences of the splits train, dev and test are disjoint.
/// </summary>
public static class SyntheticCorpus
{
    /// <summary>The fewest speakers: one for each split.</summary>
    public const int FewestSpeakers = 3;

    private const int FewestWords = 2, MostWords = 6;

    /// <summary>Writes a corpus into a folder; what a file of the same name held before is replaced.</summary>
    /// <param name="folder">Made if it is not there.</param>
    /// <param name="utterances">How many recordings; speakers take turns.</param>
    /// <param name="speakers">How many voices; a tenth each, at least one, go to dev and test.</param>
    /// <param name="seed">Voices, sentences and the way they are spoken follow from it.</param>
    /// <param name="progress">Is told the fraction done.</param>
    /// <param name="cancellation">Stops between recordings.</param>
    /// <returns>The corpus as it reads back.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Too few speakers, or fewer utterances than speakers.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static Corpus Write(string folder, int utterances, int speakers, ulong seed = 0, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        if (speakers < FewestSpeakers) throw new ArgumentOutOfRangeException(nameof(speakers), speakers, $"a corpus needs at least {FewestSpeakers} speakers, one each for train, dev and test");
        if (utterances < speakers) throw new ArgumentOutOfRangeException(nameof(utterances), utterances, $"{speakers} speakers need at least as many utterances");
        var random = new CounterRandom(seed).Fork("synthetic corpus");
        var voices = Enumerable.Range(0, speakers).Select(i => SpeakerVoice.Random($"speaker{i:D3}", random.Fork("voices").Fork((ulong)i))).ToArray();
        var sentences = new SentenceMaker(WordList.All).Sentences(random.Fork("sentences"), utterances, FewestWords, MostWords, new HashSet<string>());

        Directory.CreateDirectory(Path.Combine(folder, "wav"));
        var lines = new string[utterances];
        var done = 0;
        Parallel.For(0, utterances, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            var voice = voices[i % speakers];
            var spoken = Synthesizer.Speak(sentences[i], voice, random.Fork("speech").Fork((ulong)i));
            var (id, audio) = ($"{voice.Name}-{i:D4}", $"wav/{voice.Name}-{i:D4}.wav");
            new AudioClip(spoken.Samples, SpokenUtterance.SampleRate).WriteWav(Path.Combine(folder, audio));
            lines[i] = Line(id, audio, voice.Name, Split(i % speakers, speakers), spoken);
            progress?.Report((double)Interlocked.Increment(ref done) / utterances);
        });
        var manifest = Path.Combine(folder, Corpus.ManifestName);
        AtomicFile.Write(manifest, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            foreach (var line in lines) writer.Write(line + "\n");
        });
        return Corpus.Read(manifest);
    }

    private static string Split(int speaker, int speakers)
    {
        var held = Math.Max(1, speakers / 10);
        return speaker < held ? "test" : speaker < 2 * held ? "dev" : "train";
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
                json.WriteString("phone", segment.Phone);
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
