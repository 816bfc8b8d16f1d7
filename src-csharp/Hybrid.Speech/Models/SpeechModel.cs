using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// All that recognition needs, in one file: the network with its weights, the phones it tells apart, and how sound becomes
/// its features.
/// </summary>
/// <param name="Network">Features to logits.</param>
/// <param name="Inventory">The symbols by index.</param>
/// <param name="Features">How sound becomes features.</param>
public sealed record SpeechModel(Network<float> Network, PhoneInventory Inventory, FeaturePreset Features)
{
    private const string FormatKey = "hybrid.format",
        SpecKey = "hybrid.network",
        InventoryKey = "hybrid.phones",
        FeaturesKey = "hybrid.features",
        MinConfidenceKey = "hybrid.least-confidence";
    private const string LanguageModelPrefix = "language_model.",
        WeightKey = "hybrid.language-model.weight",
        LengthBonusKey = "hybrid.language-model.length-bonus";
    private const string ModelFormat = "model 1";
    private const string ShippedName = "english-small.safetensors";

    private static readonly Lazy<SpeechModel> Shipped = new(() =>
    {
        using var stream = typeof(SpeechModel).Assembly.GetManifestResourceStream(ShippedName)!;
        return Of(SafeTensors.Read(stream), ShippedName);
    });

    /// <summary>
    /// The model for English that comes with Hybrid, one for all who ask; its model card in the repository (Models/README.md) says what it was
    /// trained on and how well it does.
    /// </summary>
    public static SpeechModel Default => Shipped.Value;

    /// <summary>
    /// Below which <see cref="Recognizer.MinConfidence"/> this network hears no speech, in [0, 1]; 0, as without it, where nobody has
    /// measured that.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is no probability.</exception>
    public double MinConfidence
    {
        get;
        init => field = Probability(value);
    }

    /// <summary>Which phones follow which, for <see cref="Recognizer.Beam"/>; null where decoding is greedy unless asked otherwise.</summary>
    /// <exception cref="ArgumentException">It has other symbols than the inventory, or wrong numbers; the message lists all.</exception>
    public WeightedLanguageModel? LanguageModel
    {
        get;
        init
        {
            if (value is not null && value.Model.Symbols != Inventory.Count)
                throw new ArgumentException(
                    $"the language model knows {value.Model.Symbols} symbols, the inventory has {Inventory.Count} (blank included)"
                );
            if (value?.Search().Validate() is { Count: > 0 } problems)
                throw new ArgumentException(string.Join("; ", problems));
            field = value;
        }
    }

    /// <summary>How output frames lie in time.</summary>
    public FrameTimes Times
    {
        get
        {
            var (stride, offset) = Network.FrameMapping;
            return new FrameTimes(stride, offset, Features.HopSeconds, 2 * Features.FirstCenterSeconds);
        }
    }

    /// <summary>A new model with starting weights drawn from a seed.</summary>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    /// <exception cref="ArgumentException">Network, inventory and features do not fit each other.</exception>
    public static SpeechModel Create(NetworkSpec spec, FeaturePreset features, PhoneInventory inventory, ulong seed)
    {
        CheckFit(spec, features, inventory);
        return new SpeechModel(new Network<float>(spec, seed), inventory, features);
    }

    /// <summary>Writes the file as a whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="halves">Whether weights are stored in half precision: half the size, and 11 bits of each weight left.</param>
    /// <exception cref="OverflowException">A weight is beyond the halves; the message names it.</exception>
    public void Save(string path, bool halves = false) => Save(path, Network.Save(), halves);

    /// <summary>Writes the file with other weights than those of <see cref="Network"/>.</summary>
    internal void Save(string path, IEnumerable<StoredTensor> weights, bool halves = false) =>
        new SafeTensors(
            Describe(),
            [
                .. weights
                    .Concat(LanguageModelTensors())
                    .Select(tensor => halves && tensor.Type == TensorType.F32 ? tensor.ToHalves() : tensor),
            ]
        ).Write(path);

    /// <summary>The model's description, as it stands in the file's metadata.</summary>
    public Dictionary<string, string> Describe()
    {
        var description = new Dictionary<string, string>
        {
            [FormatKey] = ModelFormat,
            [SpecKey] = Network.Spec.ToJson(),
            [InventoryKey] = string.Join(' ', Inventory.Symbols.Skip(1)),
            [FeaturesKey] = Features.ToJson(),
        };
        if (MinConfidence > 0)
            description[MinConfidenceKey] = MinConfidence.ToString(CultureInfo.InvariantCulture);
        if (LanguageModel is { } language)
        {
            description[WeightKey] = language.Weight.ToString(CultureInfo.InvariantCulture);
            description[LengthBonusKey] = language.LengthBonus.ToString(CultureInfo.InvariantCulture);
        }
        return description;
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">The file is torn or no model; the message names it.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static SpeechModel Load(string path) => Of(SafeTensors.Read(path), path);

    private static SpeechModel Of(SafeTensors file, string name)
    {
        try
        {
            return Build(file.Metadata, file.Tensors);
        }
        catch (Exception error) when (error is FormatException or InvalidSpecException or ArgumentException)
        {
            throw new FormatException(
                $"{name}: {(error is InvalidSpecException spec ? string.Join("; ", spec.Problems) : error.Message)}",
                error
            );
        }
    }

    /// <summary>Builds the model that <see cref="Describe"/> described.</summary>
    internal static SpeechModel Build(IReadOnlyDictionary<string, string> metadata, IEnumerable<StoredTensor> tensors)
    {
        string Get(string key) =>
            metadata.TryGetValue(key, out var text)
                ? text
                : throw new FormatException($"not a Hybrid model: the metadata lack {key}");
        if (Get(FormatKey) != ModelFormat)
            throw new FormatException(
                $"model format {Quoted.Text(Get(FormatKey))} is not known, only \"{ModelFormat}\""
            );
        var spec = NetworkSpec.FromJson(Get(SpecKey));
        var inventory = new PhoneInventory(Get(InventoryKey).Split(' '));
        var features = FeaturePreset.FromJson(Get(FeaturesKey));
        CheckFit(spec, features, inventory);
        var minConfidence = 0.0;
        if (
            metadata.TryGetValue(MinConfidenceKey, out var text)
            && !(
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out minConfidence)
                && minConfidence is >= 0 and <= 1
            )
        )
            throw new FormatException($"{MinConfidenceKey} is {Quoted.Text(text)}, must be a number from 0 to 1");
        double Number(string key) =>
            double.TryParse(Get(key), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException($"{key} is {Quoted.Text(Get(key))}, must be a number");
        var parts = tensors.ToLookup(tensor => tensor.Name.StartsWith(LanguageModelPrefix, StringComparison.Ordinal));
        return new SpeechModel(new Network<float>(spec, parts[false]), inventory, features)
        {
            MinConfidence = minConfidence,
            LanguageModel =
                !parts[true].Any() && !metadata.ContainsKey(WeightKey)
                    ? null
                    : new WeightedLanguageModel(
                        NGramModel.Load(
                            [
                                .. parts[true]
                                    .Select(tensor => tensor with { Name = tensor.Name[LanguageModelPrefix.Length..] }),
                            ],
                            inventory.Count
                        ),
                        Number(WeightKey),
                        Number(LengthBonusKey)
                    ),
        };
    }

    private IEnumerable<StoredTensor> LanguageModelTensors() =>
        LanguageModel?.Model.Save().Select(tensor => tensor with { Name = LanguageModelPrefix + tensor.Name }) ?? [];

    /// <summary>The number, if it is a probability.</summary>
    internal static double Probability(double value) =>
        value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "the least confidence must be from 0 to 1");

    private static void CheckFit(NetworkSpec spec, FeaturePreset features, PhoneInventory inventory)
    {
        if (features.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join("; ", problems));
        if (spec.Inputs != features.Width)
            throw new ArgumentException(
                $"the network takes {spec.Inputs} features per frame, the preset {Quoted.Unless(features.Name)} gives {features.Width}"
            );
        if (spec.Symbols != inventory.Count)
            throw new ArgumentException(
                $"the network tells {spec.Symbols} symbols apart, the inventory has {inventory.Count} (blank included)"
            );
    }
}
