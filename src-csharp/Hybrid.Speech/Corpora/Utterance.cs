namespace Hybrid.Speech;

/// <summary>A recording, or its features, and what is said in it. It has either sound or given features.</summary>
/// <param name="Id">Its name, unique in the corpus.</param>
/// <param name="AudioPath">The sound file; empty where features are given.</param>
/// <param name="Speaker">Who speaks; empty where unknown.</param>
/// <param name="Split">The part of the corpus it belongs to, such as train or dev; empty where none is named.</param>
/// <param name="Text">The words; null where only phones are given, or nothing.</param>
/// <param name="Phones">The phones; null where they follow from the words, or nothing is given.</param>
public sealed record Utterance(
    string Id,
    string AudioPath,
    string Speaker,
    string Split,
    string? Text,
    IReadOnlyList<string>? Phones
)
{
    /// <summary>A <c>.npy</c> file with features, [frames, coefficients], given instead of sound; empty where there is sound.</summary>
    public string FeaturesPath { get; init; } = "";

    /// <summary>The corpus that it comes from, where several are mixed; empty where unknown.</summary>
    public string Corpus { get; init; } = "";

    /// <summary>How fast its sound is played, <see cref="AudioClip.PerturbSpeed"/>.</summary>
    internal double Speed { get; init; } = 1;

    /// <summary>The file that is read: features or sound.</summary>
    internal string SourcePath => FeaturesPath.Length > 0 ? FeaturesPath : AudioPath;
}
