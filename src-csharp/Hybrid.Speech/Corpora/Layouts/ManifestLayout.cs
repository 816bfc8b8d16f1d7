using System.Globalization;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A manifest: a JSON object per line. <c>audio</c> is a path, relative to the manifest or absolute; <c>offset</c>,
/// <c>duration</c> (seconds) and <c>channel</c> (from 0) select a piece of it. <c>text</c> or <c>phones</c> is the
/// transcript. <c>id</c>, <c>speaker</c>, <c>split</c> and <c>corpus</c> are optional. <c>segments</c>, the times of
/// synthetic phones, is not read. A manifest is written by the user, unlike the files of other layouts: an invalid line
/// or an unknown field stops the reading.
/// </summary>
internal sealed class ManifestLayout : ICorpusLayout
{
    private static readonly string[] Fields =
    [
        "id",
        "audio",
        "offset",
        "duration",
        "channel",
        "speaker",
        "split",
        "corpus",
        "text",
        "phones",
        "segments",
    ];

    private static readonly NearestWord NearestField = new(Fields);

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
        foreach (var line in CorpusFiles.IsRegular(manifest) || manifest == path ? TextLines.Read(manifest) : [])
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                var utterance = Parse(line, folder);
                if (!ids.Add(utterance.Id))
                    throw new FormatException($"the id {Quoted.Unless(utterance.Id)} is a duplicate");
                utterances.Add(utterance);
            }
            // System.Text.Json reports an unpaired surrogate as an invalid operation.
            catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
            {
                throw new FormatException($"{Quoted.Path(manifest)}, line {number}: {Quoted.Message(error)}", error);
            }
        }
        return utterances.Count > 0
            ? new Corpus(utterances)
            : throw new FormatException($"{Quoted.Path(manifest)}: the corpus is empty");
    }

    private static Utterance Parse(string line, string folder)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException("not a JSON object");
        CheckFields(root);
        var audio = Text(root, "audio") ?? throw new FormatException("\"audio\" is missing");
        var (offset, duration) = (Seconds(root, "offset"), Seconds(root, "duration"));
        if (duration == 0)
            throw new FormatException("\"duration\" is 0, must be positive");
        var channel = Channel(root);
        var id = Text(root, "id") ?? DefaultId(audio, offset, channel);
        var (text, phones) = (Text(root, "text"), Phones(root));
        if (text is null && phones is null)
            throw new FormatException($"utterance {Quoted.Unless(id)} has neither \"text\" nor \"phones\"");
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
            OffsetSeconds = offset ?? 0,
            DurationSeconds = duration,
            Channel = channel,
        };
    }

    /// <summary>
    /// Checks that each field is known and occurs once: a misspelled one would be ignored without notice.
    /// </summary>
    private static void CheckFields(JsonElement root)
    {
        var names = new HashSet<string>();
        foreach (var name in root.EnumerateObject().Select(field => field.Name))
        {
            if (!names.Add(name))
                throw new FormatException($"field {Quoted.Text(name)} is a duplicate");
            if (Fields.Contains(name))
                continue;
            var nearest = NearestField.Find(name) is { } known ? $", the nearest known one is \"{known}\"" : "";
            throw new FormatException(
                $"unknown field {Quoted.Text(name)}{nearest}; known are {string.Join(", ", Fields)}"
            );
        }
    }

    /// <summary>The name of the sound file; of a piece, with its start in milliseconds and its channel.</summary>
    private static string DefaultId(string audio, double? offset, int? channel)
    {
        var name = Path.GetFileNameWithoutExtension(audio);
        if (offset is { } seconds)
            name += string.Create(CultureInfo.InvariantCulture, $"-{Math.Round(1000 * seconds):F0}");
        return channel is null ? name : $"{name}-c{channel}";
    }

    private static double? Seconds(JsonElement root, string name)
    {
        if (!TryGet(root, name, out var value))
            return null;
        return
            value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && double.IsFinite(seconds)
            ? seconds >= 0
                ? seconds
                : throw new FormatException($"\"{name}\" is negative, must be seconds")
            : throw new FormatException($"\"{name}\" is not a number of seconds");
    }

    private static int? Channel(JsonElement root)
    {
        if (!TryGet(root, "channel", out var value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var channel) && channel >= 0
            ? channel
            : throw new FormatException("\"channel\" is not the index of a channel: 0 for the first");
    }

    private static string? Text(JsonElement root, string name) =>
        !TryGet(root, name, out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new FormatException($"\"{name}\" is not a string");

    private static List<string>? Phones(JsonElement root)
    {
        if (!TryGet(root, "phones", out var value))
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return [.. value.GetString()!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        if (
            value.ValueKind != JsonValueKind.Array
            || value.EnumerateArray().Any(phone => phone.ValueKind != JsonValueKind.String)
        )
            throw new FormatException("\"phones\" is neither a list of names nor a string");
        return [.. value.EnumerateArray().Select(phone => phone.GetString()!)];
    }

    /// <summary>The value of a field; null counts as absent.</summary>
    private static bool TryGet(JsonElement root, string name, out JsonElement value) =>
        root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
}
