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
    [JsonStringEnumMemberName("Given")]
    Precomputed,

    /// <summary>Logarithms of the mel filters' energies, computed from sound: what the cosine transform makes cepstral coefficients of.</summary>
    LogMel,
}

/// <summary>What weights the samples of a frame.</summary>
public enum FrameWindow
{
    /// <summary>Kaldi's: a Hann window to the power of 0.85, zero at both ends.</summary>
    Povey,

    /// <summary>The periodic Hann window.</summary>
    Hann,
}

/// <summary>Where frames lie at the ends of a recording.</summary>
public enum FrameEdges
{
    /// <summary>Frames lie within the sound; the first begins with it.</summary>
    Snip,

    /// <summary>The first frame is centred on the first sample; half a frame of the sound, mirrored, stands before and behind it.</summary>
    Reflect,

    /// <summary>The first frame is centred on the first sample; half a frame of zeros stands before and behind.</summary>
    Zeros,
}

/// <summary>The mel scale and its filters, triangles that are equally spaced on the scale.</summary>
public enum MelScale
{
    /// <summary>1127 ln(1 + f / 700), weights linear in mel.</summary>
    Kaldi,

    /// <summary>The same scale (of HTK), weights linear in hertz.</summary>
    Htk,

    /// <summary>Linear up to 1 kHz, logarithmic above (Slaney, Auditory Toolbox, 1998); weights linear in hertz, every triangle of the same area.</summary>
    Slaney,
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
/// <param name="Coefficients">Cepstral coefficients kept, the zeroth included; of <see cref="FeatureKind.LogMel"/>, the number of filters.</param>
/// <param name="Lifter">Q of the cepstral lifter 1 + Q/2 sin(pi i / Q); 0 for none.</param>
/// <param name="NormalizeVariance">Whether each coefficient gets mean 0 and variance 1 over the utterance; mean 0 alone otherwise.</param>
/// <param name="Kind">Where they come from; of given ones, what tells how they are computed says nothing, window and hop apart.</param>
/// <param name="Window">What weights the samples of a frame.</param>
/// <param name="Edges">Where frames lie at the ends.</param>
/// <param name="FftSize">Samples that the Fourier transform takes, zeros behind those of the frame; 0 for the next power of two.</param>
/// <param name="SampleScale">By what samples in [-1, 1] are multiplied.</param>
/// <param name="RemoveMean">Whether the mean of a frame's samples is subtracted from them.</param>
/// <param name="Mel">The mel scale.</param>
/// <param name="RangeDecibels">
/// 0: energies become natural logarithms. Above: they become decibels, and those so far below the largest of the recording are
/// raised to there.
/// </param>
/// <param name="Deltas">How many orders of differences over time stand behind the coefficients of a frame: 0, 1 or 2.</param>
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
    FeatureKind Kind = FeatureKind.Mfcc,
    FrameWindow Window = FrameWindow.Povey,
    FrameEdges Edges = FrameEdges.Snip,
    int FftSize = 0,
    double SampleScale = 32768,
    bool RemoveMean = true,
    MelScale Mel = MelScale.Kaldi,
    double RangeDecibels = 0,
    int Deltas = 0
)
{
    // A transform whose size is no power of two takes time with the square of its size.
    private const int LargestFftSize = 4096;
    private const int LargestGiven = 1 << 20;

    /// <summary>Kaldi's MFCC with a number of coefficients, and their differences over time up to an order.</summary>
    public static FeaturePreset Mfcc(int coefficients, int deltas = 0) =>
        new(Coefficients: coefficients, Deltas: deltas);

    /// <summary>Kaldi's logarithms of filter energies (feat/feature-fbank.h) with a number of filters, and their differences over time up to an order.</summary>
    public static FeaturePreset LogMel(int filters, int deltas = 0) =>
        new("fbank", MelBins: filters, Coefficients: filters, Lifter: 0, Kind: FeatureKind.LogMel, Deltas: deltas);

    /// <summary>What torchaudio.transforms.MFCC gives with its defaults, but for the number of coefficients; its own is 40.</summary>
    public static FeaturePreset Torchaudio(int coefficients) =>
        new(
            "torchaudio",
            HopMilliseconds: 12.5,
            PreEmphasis: 0,
            MelBins: 128,
            LowHertz: 0,
            Coefficients: coefficients,
            Lifter: 0,
            Window: FrameWindow.Hann,
            Edges: FrameEdges.Reflect,
            FftSize: 400,
            SampleScale: 1,
            RemoveMean: false,
            Mel: MelScale.Htk,
            RangeDecibels: 80
        );

    /// <summary>What librosa.feature.mfcc gives with its defaults (from version 0.10 on), but for the number of coefficients; its own is 20.</summary>
    public static FeaturePreset Librosa(int coefficients) =>
        new(
            "librosa",
            SampleRate: 22050,
            WindowMilliseconds: 2048 / 22.05,
            HopMilliseconds: 512 / 22.05,
            PreEmphasis: 0,
            MelBins: 128,
            LowHertz: 0,
            Coefficients: coefficients,
            Lifter: 0,
            Window: FrameWindow.Hann,
            Edges: FrameEdges.Zeros,
            FftSize: 2048,
            SampleScale: 1,
            RemoveMean: false,
            Mel: MelScale.Slaney,
            RangeDecibels: 80
        );

    /// <summary>Features that come with the corpus, a number of them in each frame of 25 ms every 10 ms, and their differences over time up to an order.</summary>
    public static FeaturePreset Precomputed(int coefficients, int deltas = 0) =>
        new("given", Coefficients: coefficients, Kind: FeatureKind.Precomputed, Deltas: deltas);

    /// <summary>Numbers in a feature vector: the coefficients and their differences.</summary>
    [JsonIgnore]
    public int Width => Coefficients * (1 + Deltas);

    /// <summary>Samples of a frame.</summary>
    [JsonIgnore]
    public int WindowSamples => (int)Math.Round(SampleRate * WindowMilliseconds / 1000);

    /// <summary>Samples from one frame to the next.</summary>
    [JsonIgnore]
    public int HopSamples => (int)Math.Round(SampleRate * HopMilliseconds / 1000);

    /// <summary>Seconds from one frame to the next. Ours lie whole samples apart, which <see cref="HopMilliseconds"/> need not be at every sampling rate.</summary>
    internal double HopSeconds =>
        Kind == FeatureKind.Precomputed ? HopMilliseconds / 1000 : (double)HopSamples / SampleRate;

    /// <summary>Samples that are put before and behind the sound.</summary>
    internal int Padding => Edges == FrameEdges.Snip ? 0 : WindowSamples / 2;

    /// <summary>Where the middle of the first frame lies, in seconds.</summary>
    internal double FirstCenterSeconds => Edges == FrameEdges.Snip ? WindowMilliseconds / 2000 : 0;

    /// <summary>Whole frames in a number of samples; what is left at the end is dropped. Too few samples to be mirrored have no frames.</summary>
    public int FrameCount(int samples)
    {
        var padded = samples + 2L * Padding;
        var tooFew = padded < WindowSamples || samples == 0 || (Edges == FrameEdges.Reflect && samples <= Padding);
        return tooFew ? 0 : (int)(1 + (padded - WindowSamples) / HopSamples);
    }

    /// <summary>In what features of another preset differ from this one's; each a clause with both values. A name is no difference.</summary>
    public IReadOnlyList<string> DiffersFrom(FeaturePreset other)
    {
        static Dictionary<string, string> Fields(FeaturePreset preset) =>
            JsonSerializer
                .SerializeToElement(preset with { Name = "" }, FeatureJson.Default.FeaturePreset)
                .EnumerateObject()
                .ToDictionary(field => field.Name, field => field.Value.ToString());
        var theirs = Fields(other);
        return
        [
            .. Fields(this)
                .Where(field => theirs[field.Key] != field.Value)
                .Select(field => $"{field.Key} is {theirs[field.Key]} instead of {field.Value}"),
        ];
    }

    /// <summary>Everything that is wrong; each a clause naming the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (SampleRate is < AudioClip.LowestSampleRate or > AudioClip.HighestSampleRate)
            problems.Add(
                $"sample rate is {SampleRate} Hz, must be {AudioClip.LowestSampleRate} to {AudioClip.HighestSampleRate}"
            );
        // Presets come from files: what memory they ask for is limited.
        if (WindowSamples < 2 || HopSamples < 1 || !(WindowMilliseconds <= 1000) || !(HopMilliseconds <= 1000))
            problems.Add(
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"window is {WindowMilliseconds} ms and hop {HopMilliseconds} ms, must be longer than a sample and at most 1000 ms"
                )
            );
        if (Deltas is < 0 or > 2)
            problems.Add($"deltas is {Deltas}, must be 0, 1 or 2, the orders of differences over time");
        if (!Enum.IsDefined(Kind))
            problems.Add($"features of kind {Kind} do not exist");
        if (Kind == FeatureKind.Precomputed)
        {
            if (Coefficients is < 1 or > LargestGiven)
                problems.Add($"number of coefficients is {Coefficients}, must be 1 to {LargestGiven}");
            return problems;
        }
        if (FftSize != 0 && (FftSize < WindowSamples || FftSize > LargestFftSize))
            problems.Add(
                $"the Fourier transform takes {FftSize} samples, must be 0 or from {WindowSamples}, the window's, to {LargestFftSize}"
            );
        if (!Enum.IsDefined(Window) || !Enum.IsDefined(Edges) || !Enum.IsDefined(Mel))
            problems.Add($"window {Window}, edges {Edges} or mel scale {Mel} does not exist");
        if (!(RangeDecibels >= 0))
            problems.Add(
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"the range of decibels is {RangeDecibels}, must not be negative"
                )
            );
        if (MelBins is < 1 or > 1000)
            problems.Add($"number of mel bins is {MelBins}, must be 1 to 1000");
        if (Kind == FeatureKind.LogMel && Coefficients != MelBins)
            problems.Add(
                $"number of coefficients is {Coefficients}, must be {MelBins}, the number of mel bins, because each energy is one"
            );
        else if (Coefficients < 1 || Coefficients > MelBins)
            problems.Add($"number of coefficients is {Coefficients}, must be 1 to {MelBins}, the number of mel bins");
        if (!(LowHertz >= 0) || LowHertz >= SampleRate / 2.0)
            problems.Add(
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"the lowest filter begins at {LowHertz} Hz, must lie below half the sample rate"
                )
            );
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
            return JsonSerializer.Deserialize(json, FeatureJson.Default.FeaturePreset)
                ?? throw new FormatException("not a feature preset: null");
        }
        catch (JsonException error)
        {
            throw new FormatException($"not a feature preset: {Quoted.Message(error)}", error);
        }
    }
}

/// <summary>JSON of a preset, generated at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(FeaturePreset))]
internal sealed partial class FeatureJson : JsonSerializerContext;
