namespace Hybrid.Speech;

/// <summary>
/// Names of recordings in results. A recording of a folder is named by its path within the folder without extension,
/// any other by its file name without extension. Recordings of one list that would have the same name are distinguished
/// by the folders above them, else by their extensions, else by a number.
/// </summary>
public static class RecordingIds
{
    /// <summary>The name of an audio file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">The folder in which it was found; null if the file itself was named.</param>
    public static string Of(string path, string? folder = null)
    {
        var name = folder is null ? Path.GetFileName(path) : Path.GetRelativePath(folder, path);
        return WithSlashes(Path.ChangeExtension(name, null));
    }

    /// <summary>
    /// Names that differ within the list; a name that occurs once stays. Names that differ only in case count as equal.
    /// </summary>
    /// <param name="recordings">Names and paths, in order.</param>
    public static IReadOnlyList<string> Distinct(IReadOnlyList<(string Id, string Path)> recordings)
    {
        var ids = recordings.Select(recording => recording.Id).ToArray();
        foreach (var group in Duplicates(ids))
        {
            var longer = group.Select(i => WithFolders(ids[i], recordings[i].Path)).ToList();
            // The fewest folders that distinguish most of them.
            var levels = longer.Max(names => names.Count);
            var most = CountDistinct(levels - 1);
            var level = Enumerable.Range(0, levels).First(l => CountDistinct(l) == most);
            foreach (var (place, i) in group.Index())
                ids[i] = At(longer[place], level);

            int CountDistinct(int l) =>
                longer.Select(names => At(names, l)).Distinct(StringComparer.OrdinalIgnoreCase).Count();
        }
        foreach (var group in Duplicates(ids))
            if (group.Select(i => ExtensionOf(recordings[i])).Distinct(StringComparer.OrdinalIgnoreCase).Count() > 1)
                foreach (var i in group)
                    ids[i] += ExtensionOf(recordings[i]);
        var used = new HashSet<string>(ids, StringComparer.OrdinalIgnoreCase);
        foreach (var group in Duplicates(ids))
        {
            var number = 2;
            foreach (var i in group.Skip(1))
            {
                while (!used.Add($"{ids[group[0]]}-{number}"))
                    number++;
                ids[i] = $"{ids[group[0]]}-{number}";
            }
        }
        return ids;
    }

    /// <summary>
    /// Inputs whose names differ within the list; see
    /// <see cref="Distinct(IReadOnlyList{ValueTuple{string, string}})"/>.
    /// </summary>
    public static IReadOnlyList<AlignmentInput> Distinct(IReadOnlyList<AlignmentInput> inputs)
    {
        var utterances = inputs.Where(input => input.Utterance is not null).Select(input => input.Utterance!).ToList();
        var ids = Distinct([.. utterances.Select(utterance => (utterance.Id, PathOf(utterance)))]);
        var next = 0;
        return [.. inputs.Select(input => input.Utterance is null ? input : Renamed(input, ids[next++]))];
    }

    private static AlignmentInput Renamed(AlignmentInput input, string id) =>
        input with
        {
            Id = id,
            Utterance = input.Utterance! with { Id = id },
        };

    private static string PathOf(Utterance utterance) =>
        utterance.FeaturesPath.Length > 0 ? utterance.FeaturesPath : utterance.AudioPath;

    private static IEnumerable<List<int>> Duplicates(string[] ids) =>
        ids.Index()
            .GroupBy(item => item.Item, item => item.Index, StringComparer.OrdinalIgnoreCase)
            .Select(group => group.ToList())
            .Where(group => group.Count > 1)
            .ToList();

    /// <summary>A name, and the same with one to all of the folders above it.</summary>
    private static List<string> WithFolders(string id, string path)
    {
        var names = new List<string> { id };
        var full = WithSlashes(Path.ChangeExtension(Path.GetFullPath(path), null));
        if (!full.EndsWith("/" + id, StringComparison.Ordinal))
            return names;
        var folders = full[..^(id.Length + 1)].Split('/', StringSplitOptions.RemoveEmptyEntries);
        foreach (var folder in folders.Reverse())
            names.Add($"{folder}/{names[^1]}");
        return names;
    }

    private static string ExtensionOf((string Id, string Path) recording) => Path.GetExtension(recording.Path);

    private static string At(List<string> names, int level) => names[Math.Min(level, names.Count - 1)];

    private static string WithSlashes(string path) => path.Replace(Path.DirectorySeparatorChar, '/');
}
