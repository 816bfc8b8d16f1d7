using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Folders of sound files with transcripts of the same name beside them: words in <c>.txt</c>, and phones in
/// <c>.lab</c> if each of its tokens is a phone of CMUdict in upper case (with or without stress digit), else words.
/// Top-level folders train, dev and test are splits; the speaker is the innermost other folder, if any.
/// </summary>
internal sealed class FolderLayout : ICorpusLayout
{
    private static readonly string[] Splits = ["train", "dev", "test"];

    /// <inheritdoc/>
    public string Description =>
        $"folders with sound files ({string.Join(", ", AudioClip.Extensions)}) "
        + $"and a {Transcripts.Words} or {Transcripts.Label} beside each";

    /// <inheritdoc/>
    public Corpus? TryRead(string path)
    {
        if (!Directory.Exists(path))
            return null;
        var builder = new CorpusBuilder(path);
        foreach (var folder in CorpusFiles.Tree(path))
        {
            var sounds = CorpusFiles.Sounds(folder, builder.Skip);
            var place = Path.GetRelativePath(path, folder).Split(Path.DirectorySeparatorChar);
            if (place is ["."])
                place = [];
            var split = place is [var first, ..] && Splits.Contains(first) ? first : "";
            var speaker = place.Skip(split.Length > 0 ? 1 : 0).LastOrDefault("");
            foreach (var (name, sound) in sounds)
            {
                var id = string.Join('/', [.. place, name]);
                builder.Try(id, () =>
                {
                    var (text, phones) = Transcripts.Beside(Path.Combine(folder, name));
                    builder.Add(new Utterance(id, sound, speaker, split, text, phones));
                });
            }
            if (sounds.Count > 0)
                SkipTranscriptsWithoutSound(folder, sounds, builder);
        }
        return builder.IsEmpty ? null : builder.Build();
    }

    /// <summary>
    /// Skips transcripts without a sound file. In folders without sound files, text files may be anything.
    /// </summary>
    private static void SkipTranscriptsWithoutSound(
        string folder,
        SortedDictionary<string, string> sounds,
        CorpusBuilder builder
    )
    {
        foreach (var extension in new[] { Transcripts.Words, Transcripts.Label })
        foreach (var file in CorpusFiles.Files(folder, extension))
            if (!sounds.ContainsKey(Path.GetFileNameWithoutExtension(file)))
                builder.Skip(
                    Path.GetFileName(file),
                    $"{Quoted.Path(file)} has no sound file beside it, {string.Join(" or ", AudioClip.Extensions)}"
                );
    }
}
