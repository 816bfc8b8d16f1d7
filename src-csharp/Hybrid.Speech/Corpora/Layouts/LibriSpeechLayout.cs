using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// LibriSpeech (openslr.org/12): parts such as train-clean-100 with <c>speaker/chapter/*.flac</c> and a file
/// <c>speaker-chapter.trans.txt</c> of lines <c>id WORDS</c> in each chapter. A folder that is itself a part has no
/// split.
/// </summary>
internal sealed class LibriSpeechLayout : ICorpusLayout
{
    private const string TranscriptExtension = ".trans.txt";

    /// <inheritdoc/>
    public string Description =>
        $"LibriSpeech's folder with its parts, or a part (speaker/chapter/*.flac or *.wav, and *{TranscriptExtension})";

    /// <inheritdoc/>
    public Corpus? TryRead(string path)
    {
        var parts = CorpusFiles.Parts(path, IsPart);
        if (parts.Count == 0)
            return null;
        var builder = new CorpusBuilder(path);
        foreach (var (part, split) in parts)
        foreach (var speaker in CorpusFiles.Folders(part))
        foreach (var chapter in CorpusFiles.Folders(speaker))
            ReadChapter(chapter, Path.GetFileName(speaker), split, builder);
        return builder.Build();
    }

    private static bool IsPart(string folder) =>
        CorpusFiles
            .Folders(folder)
            .SelectMany(CorpusFiles.Folders)
            .Any(chapter => CorpusFiles.Files(chapter, TranscriptExtension).Any());

    private static void ReadChapter(string chapter, string speaker, string split, CorpusBuilder builder)
    {
        var sounds = CorpusFiles.Sounds(chapter, builder.Skip);
        var texts = new Dictionary<string, string>();
        foreach (var transcript in CorpusFiles.Files(chapter, TranscriptExtension))
            builder.Try(Path.GetFileName(transcript), () => ReadTranscript(transcript, sounds, texts, builder));
        foreach (var (id, sound) in sounds)
            builder.Add(new Utterance(id, sound, speaker, split, texts.GetValueOrDefault(id), null));
    }

    private static void ReadTranscript(
        string transcript,
        SortedDictionary<string, string> sounds,
        Dictionary<string, string> texts,
        CorpusBuilder builder
    )
    {
        var number = 0;
        foreach (var line in CorpusFiles.Lines(transcript))
        {
            number++;
            if (
                line.Split((char[]?)null, 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                is not [var id, .. var words]
            )
                continue;
            if (!sounds.ContainsKey(id))
                builder.Skip(
                    id,
                    $"{Quoted.Path(transcript)}, line {number} has no sound file beside it, "
                        + string.Join(" or ", AudioClip.Extensions)
                );
            else if (words is [var text] && !texts.TryAdd(id, text))
                builder.Skip(id, $"{Quoted.Path(transcript)}, line {number} is a second transcript of it");
        }
    }
}
