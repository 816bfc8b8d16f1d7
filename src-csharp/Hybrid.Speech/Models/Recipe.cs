using System.Text.Json;
using System.Text.Json.Serialization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>The declaration of a training as data: features, network and schedule.</summary>
/// <param name="Name">Name of the recipe.</param>
/// <param name="Features">Preset of the features.</param>
/// <param name="Network">The network, from features to logits.</param>
/// <param name="Training">The schedule.</param>
public sealed record Recipe(string Name, FeaturePreset Features, NetworkSpec Network, TrainingSpec Training)
{
    private const int LargestFile = 16 << 20;

    /// <summary>A copy with another seed or another number of epochs.</summary>
    public Recipe With(ulong? seed = null, int? epochs = null) =>
        this with
        {
            Training = Training with { Seed = seed ?? Training.Seed, Epochs = epochs ?? Training.Epochs },
        };

    /// <summary>
    /// The recipe for a corpus. If the corpus has precomputed features instead of audio, a copy that takes as many of
    /// them per frame as the recipe would compute; otherwise the recipe itself.
    /// </summary>
    public Recipe For(Corpus corpus) =>
        corpus.Utterances.All(u => u.FeaturesPath.Length > 0)
            ? this with
            {
                Features = FeaturePreset.Precomputed(Features.Coefficients, Features.Deltas),
            }
            : this;

    /// <summary>Finds the problems of a corpus for a training with this recipe.</summary>
    /// <inheritdoc cref="CorpusValidation.Run"/>
    public CorpusValidation ValidateCorpus(
        Corpus corpus,
        Corpus? dev = null,
        IReadOnlyList<Lexicon>? lexicons = null,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default
    ) => CorpusValidation.Run(corpus, Network, For(corpus).Features, dev, lexicons, progress, cancellation);

    /// <summary>The recipe as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RecipeJson.Default.Recipe);

    /// <summary>Reads a file with a recipe as JSON.</summary>
    /// <exception cref="FormatException">
    /// The content is no recipe, or the file is empty, a device or a pipe, or too large; the message names the file.
    /// </exception>
    /// <exception cref="IOException">The file is missing, a folder, or cannot be read.</exception>
    public static Recipe Load(string path) => InputFile.Read(path, file =>
        {
            if (file.Length > LargestFile)
                throw new FormatException($"{file.Length} bytes are more than a recipe has, at most {LargestFile}");
            using var text = new StreamReader(file);
            return FromJson(text.ReadToEnd());
        });

    /// <summary>Reads the JSON of <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">The text is not a recipe.</exception>
    public static Recipe FromJson(string json) =>
        JsonText.Read(
            json,
            RecipeJson.Default.Recipe,
            "recipe",
            recipe => recipe is { Network.IsComplete: true, Training.IsComplete: true },
            "not a recipe: it, or a layer or a phase of it, is null"
        );
}

/// <summary>JSON of a recipe, generated at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    AllowOutOfOrderMetadataProperties = true,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(Recipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
