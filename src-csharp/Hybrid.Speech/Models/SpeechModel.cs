using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Everything that recognition needs, in one file: a network with weights, its phone inventory, and the feature preset
/// of its input.
/// </summary>
/// <param name="Network">The network, from features [T, B, F] to logits [T', B, V].</param>
/// <param name="Inventory">The names of its symbols by index.</param>
/// <param name="Features">The preset of its features.</param>
public sealed record SpeechModel(Network<float> Network, PhoneInventory Inventory, FeaturePreset Features)
{
    private const string ShippedName = "english-small.safetensors";

    private static readonly Lazy<SpeechModel> Shipped = new(() =>
    {
        using var stream = typeof(SpeechModel).Assembly.GetManifestResourceStream(ShippedName)!;
        return Build(SafeTensors.Read(stream), ShippedName);
    });

    /// <summary>
    /// The English model that is part of Hybrid, shared by all callers. Its model card, Models/README.md in the
    /// repository, has its training data and error rates.
    /// </summary>
    public static SpeechModel Default => Shipped.Value;

    /// <summary>
    /// Default of <see cref="Recognizer.MinConfidence"/> for this network, in [0, 1]; 0 where no threshold was
    /// measured.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0, 1].</exception>
    public double MinConfidence
    {
        get;
        init => field = Probability(value);
    }

    /// <summary>Default language model of <see cref="Recognizer.Beam"/>; null for greedy decoding by default.</summary>
    /// <exception cref="ArgumentException">
    /// Its symbols are not those of the inventory, or settings are invalid; the message lists all problems.
    /// </exception>
    public WeightedLanguageModel? LanguageModel
    {
        get;
        init
        {
            if (value is not null && value.Model.Symbols != Inventory.Count)
                throw new ArgumentException(
                    $"the language model has {value.Model.Symbols} symbols, "
                        + $"the inventory has {Inventory.Count} (blank included)"
                );
            if (value?.Search().Validate() is { Count: > 0 } problems)
                throw new ArgumentException(string.Join("; ", problems));
            field = value;
        }
    }

    /// <summary>Features, phones, decoding and the layers of the network.</summary>
    public override string ToString()
    {
        var confidence = string.Create(CultureInfo.InvariantCulture, $", confidence threshold {MinConfidence}");
        return $"model of {Inventory.Count - 1} phones, {Quoted.Unless(Features.Name)} features, "
            + (LanguageModel is { } language ? $"{language.Model.Order}-gram language model" : "greedy decoding")
            + $"{(MinConfidence > 0 ? confidence : "")}{Environment.NewLine}{Network}";
    }

    /// <summary>Conversion of output frames to seconds.</summary>
    public FrameTimes Times
    {
        get
        {
            var (stride, offset) = Network.FrameMapping;
            return new FrameTimes(stride, offset, Features.HopSeconds, 2 * Features.FirstCenterSeconds);
        }
    }

    /// <summary>Creates a model with initial weights drawn from a seed.</summary>
    /// <exception cref="InvalidSpecException">The network has problems.</exception>
    /// <exception cref="ArgumentException">Network, inventory and features contradict each other.</exception>
    public static SpeechModel Create(NetworkSpec spec, FeaturePreset features, PhoneInventory inventory, ulong seed)
    {
        ModelFile.RequireFit(spec, features, inventory);
        return new SpeechModel(new Network<float>(spec, seed), inventory, features);
    }

    /// <summary>Writes the model to a safetensors file, atomically.</summary>
    /// <param name="path">The file.</param>
    /// <param name="halves">
    /// Whether weights are stored in half precision, which halves the size and keeps 11 significant bits.
    /// </param>
    /// <exception cref="OverflowException">
    /// A weight exceeds the range of half precision; the message names it.
    /// </exception>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public void Save(string path, bool halves = false) => Save(path, Network.Save(), halves);

    /// <summary>Writes the model with other weights than those of <see cref="Network"/>.</summary>
    internal void Save(string path, IEnumerable<StoredTensor> weights, bool halves = false)
    {
        var tensors = ModelFile
            .Tensors(this, weights)
            .Select(tensor => halves && tensor.Type == TensorType.F32 ? tensor.ToHalves() : tensor);
        new SafeTensors(Describe(), [.. tensors]).Write(path);
    }

    /// <summary>The metadata of the model's file.</summary>
    public Dictionary<string, string> Describe() => ModelFile.Describe(this);

    /// <summary>Reads a model file.</summary>
    /// <exception cref="FormatException">The file is damaged or not a model; the message names it.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static SpeechModel Load(string path) => Build(SafeTensors.Read(path), path);

    private static SpeechModel Build(SafeTensors file, string name) =>
        NetworkFile.Build(name, () => ModelFile.Build(file.Metadata, file.Tensors));

    /// <summary>The value, if it is in [0, 1].</summary>
    internal static double Probability(double value) =>
        value is >= 0 and <= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "the confidence must be from 0 to 1");
}
