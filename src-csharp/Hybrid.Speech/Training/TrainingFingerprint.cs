using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Identity of a training - recipe, data and time limit - as stored in its checkpoints.</summary>
internal static class TrainingFingerprint
{
    private const string RecipeKey = "hybrid.training.recipe",
        TrainKey = "hybrid.training.data",
        DevKey = "hybrid.training.devData",
        LimitKey = "hybrid.training.limit",
        NoLimit = "none";

    /// <summary>The fingerprint as metadata.</summary>
    public static Dictionary<string, string> Describe(Recipe recipe, IDataset train, IDataset dev, TimeSpan? limit) =>
        new()
        {
            [RecipeKey] = recipe.ToJson(),
            [TrainKey] = Fingerprint(train),
            [DevKey] = Fingerprint(dev),
            [LimitKey] = limit is { } time
                ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes} minutes")
                : NoLimit,
        };

    /// <summary>The number of epochs of a checkpoint's recipe; null if it is unreadable.</summary>
    public static int? Epochs(IReadOnlyDictionary<string, string> checkpoint)
    {
        try
        {
            return Recipe.FromJson(checkpoint.GetValueOrDefault(RecipeKey, "")).Training.Epochs;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>
    /// Differences between a checkpoint and the training to be continued; each a phrase with both values. More epochs,
    /// of the whole or of a phase, are none where no time limit stretches them.
    /// </summary>
    public static IReadOnlyList<string> DiffersFrom(
        IReadOnlyDictionary<string, string> checkpoint,
        IReadOnlyDictionary<string, string> now
    )
    {
        var differences = new List<string>();
        Dictionary<string, string> before = Flatten(Completed(checkpoint.GetValueOrDefault(RecipeKey, "{}"))),
            after = Flatten(now[RecipeKey]);
        foreach (var key in before.Keys.Union(after.Keys).Order(StringComparer.Ordinal))
        {
            string old = before.GetValueOrDefault(key, "nothing"),
                wanted = after.GetValueOrDefault(key, "nothing");
            // Neither the name of a recipe nor the checkpoint interval changes the weights.
            if (
                old != wanted
                && key is not ("name" or "training.checkpointMinutes")
                && !(now[LimitKey] == NoLimit && IsLonger(key, old, wanted))
            )
                differences.Add($"{key} was {old}, is {wanted}");
        }
        foreach (
            var (key, name) in new[] { (TrainKey, "training data"), (DevKey, "dev data"), (LimitKey, "time limit") }
        )
            if (checkpoint.GetValueOrDefault(key, "unknown") is var old && old != now[key])
                differences.Add($"{name}: {Quoted.Unless(old)} then, {now[key]} now");
        return differences;
    }

    private static bool IsLonger(string key, string before, string after) =>
        (key == "training.epochs" || key.StartsWith("training.phases[", StringComparison.Ordinal))
        && key.EndsWith(".epochs", StringComparison.Ordinal)
        && int.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out var old)
        && int.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var wanted)
        && wanted > old;

    /// <summary>Number of utterances and frames, and a hash of ids, lengths and labels.</summary>
    private static string Fingerprint(IDataset data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long frames = 0;
        for (var i = 0; i < data.Count; i++)
        {
            frames += data.Frames(i);
            var line = string.Create(
                CultureInfo.InvariantCulture,
                $"{data.Id(i)}\t{data.Frames(i)}\t{string.Join(' ', data.Labels(i))}\n"
            );
            hash.AppendData(Encoding.UTF8.GetBytes(line));
        }
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{data.Count} utterances, {frames} frames, content {Convert.ToHexString(hash.GetHashAndReset())[..16]}"
        );
    }

    /// <summary>The recipe with the default of every setting that an older program did not write.</summary>
    private static string Completed(string recipe)
    {
        try
        {
            return Recipe.FromJson(recipe).ToJson();
        }
        catch (FormatException)
        {
            return recipe;
        }
    }

    /// <summary>The values of a JSON text by their paths.</summary>
    private static Dictionary<string, string> Flatten(string json)
    {
        var values = new Dictionary<string, string>();
        try
        {
            using var document = JsonDocument.Parse(json);
            Walk(document.RootElement, "");
        }
        catch (JsonException)
        {
            values["recipe"] = "unreadable";
        }
        return values;

        void Walk(JsonElement element, string path)
        {
            if (element.ValueKind == JsonValueKind.Object)
                foreach (var property in element.EnumerateObject())
                    Walk(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}");
            else if (element.ValueKind == JsonValueKind.Array)
                foreach (var (i, item) in element.EnumerateArray().Index())
                    Walk(item, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"));
            else
                values[path] = element.GetRawText();
        }
    }
}
