using System.Text.Json;
using System.Text.Json.Serialization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Where feature vectors come from.</summary>
public enum FeatureKind
{
    /// <summary>Cepstral coefficients, computed from sound.</summary>
    Mfcc,

    /// <summary>They come with the corpus, ready-made; such a model takes no sound.</summary>
    Given,
}

/// <summary>
/// How sound becomes feature vectors. A model file stores its preset, and a model refuses features of another. The defaults
/// are Kaldi's MFCC with 28 coefficients (kaldi-asr.org, feat/feature-mfcc.h; torchaudio.compliance.kaldi.mfcc).
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="SampleRate">Samples per second that it takes.</param>
/// <param name="WindowMilliseconds">Length of a frame.</param>
/// <param name="HopMilliseconds">From one frame to the next.</param>
/// <param name="PreEmphasis">Share of the sample before that is subtracted from each.</param>
/// <param name="MelBins">Triangular filters on the mel scale.</param>
/// <param name="LowHertz">Where the lowest filter begins; the highest ends at half the sample rate.</param>
/// <param name="Coefficients">Cepstral coefficients kept, the zeroth included.</param>
/// <param name="Lifter">Q of the cepstral lifter 1 + Q/2 sin(pi i / Q).</param>
/// <param name="NormalizeVariance">Whether each coefficient gets mean 0 and variance 1 over the utterance; mean 0 alone otherwise.</param>
/// <param name="Kind">Where they come from; of given ones, what tells how they are computed says nothing, window and hop apart.</param>
public sealed record FeaturePreset(
    string Name = "kaldi",
    int SampleRate = 16000,
    double WindowMilliseconds = 25,
    double HopMilliseconds = 10,
    double PreEmphasis = 0.97,
    int MelBins = 40,
    double LowHertz = 20,
    int Coefficients = 28,
    double Lifter = 22,
    bool NormalizeVariance = true,
    FeatureKind Kind = FeatureKind.Mfcc)
{
    /// <summary>Kaldi's MFCC with a number of coefficients.</summary>
    public static FeaturePreset Mfcc(int coefficients) => new(Coefficients: coefficients);

    /// <summary>Features that come with the corpus, a number of them in each frame of 25 ms every 10 ms.</summary>
    public static FeaturePreset Given(int coefficients) => new("given", Coefficients: coefficients, Kind: FeatureKind.Given);

    /// <summary>Samples of a frame.</summary>
    [JsonIgnore]
    public int WindowSamples => (int)Math.Round(SampleRate * WindowMilliseconds / 1000);

    /// <summary>Samples from one frame to the next.</summary>
    [JsonIgnore]
    public int HopSamples => (int)Math.Round(SampleRate * HopMilliseconds / 1000);

    /// <summary>Whole frames in a number of samples; what is left at the end is dropped.</summary>
    public int FrameCount(int samples) => samples < WindowSamples ? 0 : 1 + (samples - WindowSamples) / HopSamples;

    /// <summary>Everything that is wrong; each a clause naming the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (SampleRate is < AudioClip.LowestSampleRate or > AudioClip.HighestSampleRate)
            problems.Add($"sample rate is {SampleRate} Hz, must be {AudioClip.LowestSampleRate} to {AudioClip.HighestSampleRate}");
        // Presets come from files: what memory they ask for is limited.
        if (WindowSamples < 2 || HopSamples < 1 || !(WindowMilliseconds <= 1000) || !(HopMilliseconds <= 1000))
            problems.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"window is {WindowMilliseconds} ms and hop {HopMilliseconds} ms, must be longer than a sample and at most 1000 ms"));
        if (Kind == FeatureKind.Given)
        {
            if (Coefficients < 1) problems.Add($"number of coefficients is {Coefficients}, must be at least 1");
            return problems;
        }
        if (MelBins is < 1 or > 1000) problems.Add($"number of mel bins is {MelBins}, must be 1 to 1000");
        if (Coefficients < 1 || Coefficients > MelBins) problems.Add($"number of coefficients is {Coefficients}, must be 1 to {MelBins}, the number of mel bins");
        if (!(LowHertz >= 0) || LowHertz >= SampleRate / 2.0) problems.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the lowest filter begins at {LowHertz} Hz, must lie below half the sample rate"));
        return problems;
    }

    /// <summary>The preset as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FeatureJson.Default.FeaturePreset);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is no preset.</exception>
    public static FeaturePreset FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, FeatureJson.Default.FeaturePreset) ?? throw new FormatException("not a feature preset: null");
        }
        catch (JsonException error)
        {
            throw new FormatException($"not a feature preset: {Quoted.Message(error)}", error);
        }
    }
}

/// <summary>JSON of a preset, generated at compile time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(FeaturePreset))]
internal sealed partial class FeatureJson : JsonSerializerContext;
