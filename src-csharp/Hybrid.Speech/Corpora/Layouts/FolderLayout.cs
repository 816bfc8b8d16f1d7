namespace Hybrid.Speech;

/// <summary>
/// Folders of sound files with transcripts of the same name beside them: words in <c>.txt</c>, and <c>.lab</c> with phones where
/// each of its tokens is a phone of CMUdict in upper case (a digit of stress may follow), else with words. Folders train, dev
/// and test on top are splits; the speaker is the innermost folder below, if any.
/// </summary>
internal sealed class FolderLayout : ICorpusLayout
{
    private static readonly string[] Splits = ["train", "dev", "test"];

    /// <inheritdoc/>
    public string Description =>
        $"folders with sound files ({string.Join(", ", AudioClip.Extensions)}) and a {Transcripts.Words} or {Transcripts.Label} beside each";

    /// <inheritdoc/>
    public Corpus? TryRead(string path)
    {
        if (!Directory.Exists(path))
            return null;
        var builder = new CorpusBuilder(path);
        foreach (var folder in CorpusFiles.Tree(path))
        {
            var sounds = CorpusFiles.Sounds(folder, builder);
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
                LeaveOutTranscriptsAlone(folder, sounds, builder);
        }
        return builder.IsEmpty ? null : builder.Build();
    }

    /// <summary>Where sounds have transcripts, one without sound is a loss; elsewhere text files may be anything.</summary>
    private static void LeaveOutTranscriptsAlone(
        string folder,
        SortedDictionary<string, string> sounds,
        CorpusBuilder builder
    )
    {
        foreach (var ending in new[] { Transcripts.Words, Transcripts.Label })
        foreach (var file in CorpusFiles.Files(folder, ending))
            if (!sounds.ContainsKey(Path.GetFileNameWithoutExtension(file)))
                builder.Skip(
                    Path.GetFileName(file),
                    $"{file} has no sound file beside it, {string.Join(" or ", AudioClip.Extensions)}"
                );
    }
}
