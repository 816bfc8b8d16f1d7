using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A recording and what is said in it.</summary>
/// <param name="Id">Its name, unique in the corpus.</param>
/// <param name="AudioPath">The sound file.</param>
/// <param name="Speaker">Who speaks.</param>
/// <param name="Split">The part of the corpus it belongs to, such as train or dev; empty where none is named.</param>
/// <param name="Text">The words; null where only phones are given.</param>
/// <param name="Phones">The phones; null where they follow from the words.</param>
public sealed record Utterance(string Id, string AudioPath, string Speaker, string Split, string? Text, IReadOnlyList<string>? Phones);

/// <summary>Recordings with transcripts.</summary>
/// <param name="Utterances">In the order of the corpus.</param>
public sealed record Corpus(IReadOnlyList<Utterance> Utterances)
{
    /// <summary>The name of a manifest within its folder.</summary>
    public const string ManifestName = "manifest.jsonl";

    /// <summary>
    /// Reads a manifest, or the one in a folder: a JSON object per line with <c>id</c>, <c>audio</c> (relative to the manifest,
    /// or absolute), <c>speaker</c>, <c>split</c>, and <c>text</c> or <c>phones</c>.
    /// </summary>
    /// <exception cref="FormatException">A line is no such object; the message names file and line.</exception>
    /// <exception cref="IOException">There is no manifest.</exception>
    public static Corpus Read(string path)
    {
        var manifest = Directory.Exists(path) ? Path.Combine(path, ManifestName) : path;
        if (!File.Exists(manifest)) throw new FileNotFoundException($"{manifest}: no such manifest; a corpus is a folder with {ManifestName}, or a manifest");
        var folder = Path.GetDirectoryName(Path.GetFullPath(manifest))!;
        var utterances = new List<Utterance>();
        var ids = new HashSet<string>();
        var number = 0;
        foreach (var line in File.ReadLines(manifest))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                var utterance = Parse(line, folder);
                if (!ids.Add(utterance.Id)) throw new FormatException($"the id {utterance.Id} occurs twice");
                utterances.Add(utterance);
            }
            // InvalidOperationException: an escape in a text that is no character.
            catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
            {
                throw new FormatException($"{manifest}, line {number}: {error.Message}", error);
            }
        }
        return utterances.Count > 0 ? new Corpus(utterances) : throw new FormatException($"{manifest}: the corpus is empty");
    }

    /// <summary>The utterances of a split.</summary>
    public IReadOnlyList<Utterance> Split(string name) => [.. Utterances.Where(u => u.Split == name)];

    /// <summary>The names of the splits, in the order of their first utterances.</summary>
    public IReadOnlyList<string> Splits => [.. Utterances.Select(u => u.Split).Distinct()];

    /// <summary>
    /// What to train on and what to choose the best model by: the splits <c>train</c> and <c>dev</c>. Where no split is named
    /// train, the utterances without split; where none is named dev, 5 % of the speakers, at least one.
    /// </summary>
    /// <param name="seed">Decides which speakers are held out.</param>
    /// <exception cref="FormatException">Nothing is left to train on, or nothing to judge by.</exception>
    public (IReadOnlyList<Utterance> Train, IReadOnlyList<Utterance> Dev) TrainAndDev(ulong seed)
    {
        var (train, dev) = (Split("train"), Split("dev"));
        if (train.Count == 0) train = Split("");
        if (train.Count == 0) throw new FormatException($"the corpus has no split train, only {string.Join(", ", Splits)}: name one, or leave \"split\" out");
        if (dev.Count > 0) return (train, dev);
        var speakers = train.Select(u => u.Speaker).Distinct().Order(StringComparer.Ordinal).ToList();
        if (speakers.Count < 2) throw new FormatException("the corpus has no split dev and a single speaker: name a dev corpus with --dev");
        new CounterRandom(seed).Fork("dev speakers").Stream().Shuffle(speakers);
        var held = speakers.Take(Math.Max(1, (int)Math.Round(0.05 * speakers.Count))).ToHashSet();
        return ([.. train.Where(u => !held.Contains(u.Speaker))], [.. train.Where(u => held.Contains(u.Speaker))]);
    }

    private static Utterance Parse(string line, string folder)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new FormatException("not a JSON object");
        var audio = Text(root, "audio") ?? throw new FormatException("\"audio\" is missing");
        var id = Text(root, "id") ?? Path.GetFileNameWithoutExtension(audio);
        var (text, phones) = (Text(root, "text"), Phones(root));
        if (text is null && phones is null) throw new FormatException($"utterance {id} has neither \"text\" nor \"phones\"");
        return new Utterance(id, Path.Combine(folder, audio), Text(root, "speaker") ?? "", Text(root, "split") ?? "", text, phones);
    }

    private static string? Text(JsonElement root, string name) => !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new FormatException($"\"{name}\" is no text");

    private static List<string>? Phones(JsonElement root)
    {
        if (!root.TryGetProperty("phones", out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.String) return [.. value.GetString()!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(phone => phone.ValueKind != JsonValueKind.String))
            throw new FormatException("\"phones\" is neither a list of names nor a text");
        return [.. value.EnumerateArray().Select(phone => phone.GetString()!)];
    }
}
