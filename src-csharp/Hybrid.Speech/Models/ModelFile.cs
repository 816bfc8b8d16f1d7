using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The content of a model file: metadata that describe the model, and tensors with weights and n-grams. Files come from
/// anywhere, so the tensors are compared with the description before anything is built from it.
/// </summary>
internal static class ModelFile
{
    private const string FormatKey = "hybrid.format",
        SpecKey = "hybrid.network",
        InventoryKey = "hybrid.phones",
        FeaturesKey = "hybrid.features",
        MinConfidenceKey = "hybrid.least-confidence",
        WeightKey = "hybrid.language-model.weight",
        LengthBonusKey = "hybrid.language-model.length-bonus",
        LanguageModelPrefix = "language_model.",
        ModelFormat = "model 1";

    /// <summary>The metadata of a model.</summary>
    public static Dictionary<string, string> Describe(SpeechModel model)
    {
        var description = new Dictionary<string, string>
        {
            [FormatKey] = ModelFormat,
            [SpecKey] = model.Network.Spec.ToJson(),
            [InventoryKey] = string.Join(' ', model.Inventory.Symbols.Skip(1)),
            [FeaturesKey] = model.Features.ToJson(),
        };
        if (model.MinConfidence > 0)
            description[MinConfidenceKey] = model.MinConfidence.ToString(CultureInfo.InvariantCulture);
        if (model.LanguageModel is { } language)
        {
            description[WeightKey] = language.Weight.ToString(CultureInfo.InvariantCulture);
            description[LengthBonusKey] = language.LengthBonus.ToString(CultureInfo.InvariantCulture);
        }
        return description;
    }

    /// <summary>The tensors of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="weights">The tensors of its network.</param>
    public static IEnumerable<StoredTensor> Tensors(SpeechModel model, IEnumerable<StoredTensor> weights) =>
        weights.Concat(
            model.LanguageModel?.Model.Save().Select(tensor => Renamed(tensor, LanguageModelPrefix + tensor.Name)) ?? []
        );

    /// <summary>Builds the model of metadata and tensors.</summary>
    /// <exception cref="FormatException">Metadata are missing or invalid, or the tensors differ from them.</exception>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    /// <exception cref="ArgumentException">The parts of the model contradict each other.</exception>
    public static SpeechModel Build(IReadOnlyDictionary<string, string> metadata, IEnumerable<StoredTensor> tensors)
    {
        if (Text(metadata, FormatKey) is var format && format != ModelFormat)
            throw new FormatException($"model format {Quoted.Text(format)} is not known, only \"{ModelFormat}\"");
        var spec = NetworkSpec.FromJson(Text(metadata, SpecKey));
        var inventory = new PhoneInventory(Text(metadata, InventoryKey).Split(' '));
        var features = FeaturePreset.FromJson(Text(metadata, FeaturesKey));
        RequireFit(spec, features, inventory);
        var parts = tensors.ToLookup(tensor => tensor.Name.StartsWith(LanguageModelPrefix, StringComparison.Ordinal));
        ParameterShape.RequireTensors(spec, parts[false]);
        return new SpeechModel(new Network<float>(spec, parts[false]), inventory, features)
        {
            MinConfidence = MinConfidence(metadata),
            LanguageModel = LanguageModel(metadata, [.. parts[true]], inventory.Count),
        };
    }

    /// <summary>Refuses a network, features and an inventory that have problems or contradict each other.</summary>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    /// <exception cref="ArgumentException">The features have problems, or the parts contradict each other.</exception>
    public static void RequireFit(NetworkSpec spec, FeaturePreset features, PhoneInventory inventory)
    {
        if (features.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems));
        if (spec.Inputs != features.Width)
            throw new ArgumentException(
                $"the network takes {spec.Inputs} features per frame, "
                    + $"the preset {Quoted.Unless(features.Name)} gives {features.Width}"
            );
        inventory.RequireFit(spec);
        if (spec.Validate() is { Count: > 0 } specProblems)
            throw new InvalidSpecException(specProblems);
    }

    private static string Text(IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var text)
            ? text
            : throw new FormatException($"not a Hybrid model: the metadata lack {key}");

    private static double Number(IReadOnlyDictionary<string, string> metadata, string key) =>
        double.TryParse(Text(metadata, key), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"{key} is {Quoted.Text(Text(metadata, key))}, must be a number");

    private static double MinConfidence(IReadOnlyDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue(MinConfidenceKey, out var text))
            return 0;
        return
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && number is >= 0 and <= 1
            ? number
            : throw new FormatException($"{MinConfidenceKey} is {Quoted.Text(text)}, must be a number from 0 to 1");
    }

    private static WeightedLanguageModel? LanguageModel(
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<StoredTensor> tensors,
        int symbols
    )
    {
        if (tensors.Count == 0 && !metadata.ContainsKey(WeightKey))
            return null;
        var model = NGramModel.Load(
            [.. tensors.Select(tensor => Renamed(tensor, tensor.Name[LanguageModelPrefix.Length..]))],
            symbols
        );
        return new WeightedLanguageModel(model, Number(metadata, WeightKey), Number(metadata, LengthBonusKey));
    }

    private static StoredTensor Renamed(StoredTensor tensor, string name) => tensor with { Name = name };
}
