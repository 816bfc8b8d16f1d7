using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A JSON object per line with <c>id</c>, <c>audio</c> (relative to the manifest, or absolute), <c>speaker</c>, <c>split</c>,
/// and <c>text</c> or <c>phones</c>; also <c>corpus</c> where several are mixed. Unlike other layouts, a manifest is the user's own word: a line that is wrong stops the reading.
/// </summary>
internal sealed class ManifestLayout : ICorpusLayout
{
    /// <inheritdoc/>
    public string Description => $"a manifest, or a folder with {Corpus.ManifestName}";

    /// <inheritdoc/>
    public Corpus? TryRead(string path)
    {
        var manifest = Directory.Exists(path) ? Path.Combine(path, Corpus.ManifestName) : path;
        if (!File.Exists(manifest))
            return null;
        var folder = Path.GetDirectoryName(manifest)!;
        var utterances = new List<Utterance>();
        var ids = new HashSet<string>();
        var number = 0;
        foreach (var line in File.ReadLines(manifest))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                var utterance = Parse(line, folder);
                if (!ids.Add(utterance.Id))
                    throw new FormatException($"the id {utterance.Id} occurs twice");
                utterances.Add(utterance);
            }
            // Half a surrogate pair is an invalid operation to System.Text.Json.
            catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
            {
                throw new FormatException($"{manifest}, line {number}: {Quoted.Message(error)}", error);
            }
        }
        return utterances.Count > 0
            ? new Corpus(utterances)
            : throw new FormatException($"{manifest}: the corpus is empty");
    }

    private static Utterance Parse(string line, string folder)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException("not a JSON object");
        var audio = Text(root, "audio") ?? throw new FormatException("\"audio\" is missing");
        var id = Text(root, "id") ?? Path.GetFileNameWithoutExtension(audio);
        var (text, phones) = (Text(root, "text"), Phones(root));
        if (text is null && phones is null)
            throw new FormatException($"utterance {id} has neither \"text\" nor \"phones\"");
        return new Utterance(
            id,
            Path.Combine(folder, audio),
            Text(root, "speaker") ?? "",
            Text(root, "split") ?? "",
            text,
            phones
        )
        {
            Corpus = Text(root, "corpus") ?? "",
        };
    }

    private static string? Text(JsonElement root, string name) =>
        !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new FormatException($"\"{name}\" is no text");

    private static List<string>? Phones(JsonElement root)
    {
        if (!root.TryGetProperty("phones", out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return [.. value.GetString()!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        if (
            value.ValueKind != JsonValueKind.Array
            || value.EnumerateArray().Any(phone => phone.ValueKind != JsonValueKind.String)
        )
            throw new FormatException("\"phones\" is neither a list of names nor a text");
        return [.. value.EnumerateArray().Select(phone => phone.GetString()!)];
    }
}
