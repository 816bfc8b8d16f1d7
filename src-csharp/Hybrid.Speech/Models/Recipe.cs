using System.Text.Json;
using System.Text.Json.Serialization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>A whole training as data: features, network, schedule.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Features">How sound becomes feature vectors.</param>
/// <param name="Network">Feature vectors to symbols.</param>
/// <param name="Training">How the network is trained.</param>
public sealed record Recipe(string Name, FeaturePreset Features, NetworkSpec Network, TrainingSpec Training)
{
    private const int LargestFile = 16 << 20;

    /// <summary>The same with another seed or another number of epochs.</summary>
    public Recipe With(ulong? seed = null, int? epochs = null) =>
        this with
        {
            Training = Training with { Seed = seed ?? Training.Seed, Epochs = epochs ?? Training.Epochs },
        };

    /// <summary>The same for a corpus: where features are given instead of sound, it takes these, as many per frame as it would compute.</summary>
    public Recipe For(Corpus corpus) =>
        corpus.Utterances.All(u => u.FeaturesPath.Length > 0)
            ? this with
            {
                Features = FeaturePreset.Precomputed(Features.Coefficients, Features.Deltas),
            }
            : this;

    /// <summary>Finds everything in a corpus that would hurt a training with this recipe.</summary>
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

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is no recipe.</exception>
    public static Recipe FromJson(string json)
    {
        try
        {
            var recipe = JsonSerializer.Deserialize(json, RecipeJson.Default.Recipe);
            return recipe is { Network.IsComplete: true, Training.IsComplete: true }
                ? recipe
                : throw new FormatException("not a recipe: it, or a layer or a phase of it, is null");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw new FormatException($"not a recipe: {Quoted.Message(error)}", error);
        }
    }
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
