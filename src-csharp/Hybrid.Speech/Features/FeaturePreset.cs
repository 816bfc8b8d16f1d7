using System.Text.Json;
using System.Text.Json.Serialization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>The kind of feature vectors.</summary>
public enum FeatureKind
{
    /// <summary>Mel-frequency cepstral coefficients (MFCC), computed from audio.</summary>
    Mfcc,

    /// <summary>Features that are stored in the corpus; such a model takes no audio.</summary>
    [JsonStringEnumMemberName("Given")]
    Precomputed,

    /// <summary>Log mel filter-bank energies, computed from audio: MFCC before the cosine transform.</summary>
    LogMel,
}

/// <summary>The window function of a frame.</summary>
public enum FrameWindow
{
    /// <summary>Kaldi's window: a Hann window to the power of 0.85, zero at both ends.</summary>
    Povey,

    /// <summary>The periodic Hann window.</summary>
    Hann,
}

/// <summary>The position of frames at the ends of a recording.</summary>
public enum FrameEdges
{
    /// <summary>All frames are inside the audio; the first begins with it.</summary>
    Snip,

    /// <summary>
    /// The first frame is centred on the first sample; half a frame of mirrored audio is padded at both ends.
    /// </summary>
    Reflect,

    /// <summary>The first frame is centred on the first sample; half a frame of zeros is padded at both ends.</summary>
    Zeros,
}

/// <summary>The mel scale and its filters, triangles that are equally spaced on the scale.</summary>
public enum MelScale
{
    /// <summary>1127 ln(1 + f / 700), weights linear in mel.</summary>
    Kaldi,

    /// <summary>The same scale (of HTK), weights linear in hertz.</summary>
    Htk,

    /// <summary>
    /// Linear up to 1 kHz, logarithmic above (Slaney, Auditory Toolbox, 1998); weights linear in hertz, all triangles
    /// of equal area.
    /// </summary>
    Slaney,
}

/// <summary>
/// The settings of feature extraction. A model file stores its preset, and a model refuses features of another one. The
/// defaults are Kaldi's MFCC with 28 coefficients (kaldi-asr.org, feat/feature-mfcc.h;
/// torchaudio.compliance.kaldi.mfcc).
/// </summary>
/// <param name="Name">Name of the preset.</param>
/// <param name="SampleRate">Samples per second, 8000 to 48000; audio of another rate is resampled.</param>
/// <param name="WindowMilliseconds">Length of a frame, 1 to 1000 ms.</param>
/// <param name="HopMilliseconds">Distance between the beginnings of adjacent frames, 1 to 1000 ms.</param>
/// <param name="PreEmphasis">Share of the preceding sample that is subtracted from each sample, 0 to 1.</param>
/// <param name="MelBins">The number of triangular filters on the mel scale, 1 to 1000.</param>
/// <param name="LowHertz">Lower end of the lowest filter; the highest ends at half the sample rate.</param>
/// <param name="Coefficients">
/// Cepstral coefficients of a frame, the zeroth included; of <see cref="FeatureKind.LogMel"/>, the number of filters.
/// </param>
/// <param name="Lifter">Q of the cepstral lifter 1 + Q/2 sin(pi i / Q), 1 to 1000; 0 for none.</param>
/// <param name="NormalizeVariance">
/// Whether each coefficient is normalised to mean 0 and variance 1 over the utterance; to mean 0 only otherwise.
/// </param>
/// <param name="Kind">The kind of features. Of precomputed features, only number, window and hop apply.</param>
/// <param name="Window">The window function of a frame.</param>
/// <param name="Edges">The position of frames at the ends of a recording.</param>
/// <param name="FftSize">Samples of the Fourier transform, zero-padded; 0 for the next power of two.</param>
/// <param name="SampleScale">Factor on samples in [-1, 1], up to 1e9.</param>
/// <param name="RemoveMean">Whether the mean of the samples of a frame is subtracted.</param>
/// <param name="Mel">The mel scale.</param>
/// <param name="RangeDecibels">
/// 0: energies become natural logarithms. Above 0: energies become decibels, at least this far below the maximum of the
/// recording; up to 1000.
/// </param>
/// <param name="Deltas">
/// The orders of differences over time that are appended to the coefficients of a frame: 0, 1 or 2.
/// </param>
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
    // A transform whose size is not a power of two takes time proportional to the square of its size.
    private const int LargestFftSize = 4096;
    private const int LargestPrecomputed = 1 << 20;
    private const int LowestRate = AudioClip.LowestSampleRate,
        HighestRate = AudioClip.HighestSampleRate;

    // Presets come from files. A hop of one sample would give 160 times the frames of a usual one.
    private const double ShortestMilliseconds = 1,
        LongestMilliseconds = 1000;

    // In hertz, below half the sample rate. Filters narrower than the resolution of double would have infinite slopes.
    private const double SmallestBand = 100;

    private double HighestLowHertz => SampleRate / 2.0 - SmallestBand;

    /// <summary>A condition on the values of a preset, and the message where it does not hold.</summary>
    private readonly record struct Rule(
        Func<FeaturePreset, bool> Holds,
        Func<FeaturePreset, FormattableString> Problem
    );

    private static readonly Rule[] CommonRules =
    [
        new(
            p => p.SampleRate is >= LowestRate and <= HighestRate,
            p => $"sample rate is {p.SampleRate} Hz, must be {LowestRate} to {HighestRate}"
        ),
        new(
            p => p.WindowMilliseconds is >= ShortestMilliseconds and <= LongestMilliseconds,
            p => $"window is {p.WindowMilliseconds} ms, must be {ShortestMilliseconds} to {LongestMilliseconds}"
        ),
        new(
            p => p.HopMilliseconds is >= ShortestMilliseconds and <= LongestMilliseconds,
            p => $"hop is {p.HopMilliseconds} ms, must be {ShortestMilliseconds} to {LongestMilliseconds}"
        ),
        new(
            p => p.Deltas is >= 0 and <= 2,
            p => $"deltas is {p.Deltas}, must be 0, 1 or 2, the orders of differences over time"
        ),
        new(p => Enum.IsDefined(p.Kind), p => $"features of kind {p.Kind} do not exist"),
    ];

    private static readonly Rule[] PrecomputedRules =
    [
        new(
            p => p.Coefficients is >= 1 and <= LargestPrecomputed,
            p => $"number of coefficients is {p.Coefficients}, must be 1 to {LargestPrecomputed}"
        ),
    ];

    private static readonly Rule[] ComputedRules =
    [
        new(
            p => p.FftSize == 0 || (p.FftSize >= p.WindowSamples && p.FftSize <= LargestFftSize),
            p => $"FFT size is {p.FftSize}, must be 0 or {p.WindowSamples}, the window's size, to {LargestFftSize}"
        ),
        new(
            p => Enum.IsDefined(p.Window) && Enum.IsDefined(p.Edges) && Enum.IsDefined(p.Mel),
            p => $"window {p.Window}, edges {p.Edges} or mel scale {p.Mel} does not exist"
        ),
        new(p => p.PreEmphasis is >= 0 and <= 1, p => $"pre-emphasis is {p.PreEmphasis}, must be 0 to 1"),
        new(p => p.Lifter is 0 or (>= 1 and <= 1000), p => $"the lifter is {p.Lifter}, must be 0 or 1 to 1000"),
        new(
            p => p.SampleScale is > 0 and <= 1e9,
            p => $"the sample scale is {p.SampleScale}, must be above 0, up to 1e9"
        ),
        new(
            p => p.RangeDecibels is >= 0 and <= 1000,
            p => $"the range of decibels is {p.RangeDecibels}, must be 0 to 1000"
        ),
        new(p => p.MelBins is >= 1 and <= 1000, p => $"number of mel bins is {p.MelBins}, must be 1 to 1000"),
        new(
            p => p.Kind != FeatureKind.LogMel || p.Coefficients == p.MelBins,
            p => $"number of coefficients is {p.Coefficients}, must be {p.MelBins}, the number of mel bins"
        ),
        new(
            p => p.Kind != FeatureKind.Mfcc || (p.Coefficients >= 1 && p.Coefficients <= p.MelBins),
            p => $"number of coefficients is {p.Coefficients}, must be 1 to {p.MelBins}, the number of mel bins"
        ),
        new(
            p => p.LowHertz >= 0 && p.LowHertz <= p.HighestLowHertz,
            p => $"the lowest filter begins at {p.LowHertz} Hz, must be 0 to {p.HighestLowHertz}"
        ),
    ];

    /// <summary>Kaldi's MFCC.</summary>
    /// <param name="coefficients">Coefficients of a frame, 1 to 40.</param>
    /// <param name="deltas">The highest order of differences over time, 0 to 2.</param>
    public static FeaturePreset Mfcc(int coefficients, int deltas = 0) =>
        new(Coefficients: coefficients, Deltas: deltas);

    /// <summary>Kaldi's log filter-bank energies (feat/feature-fbank.h).</summary>
    /// <param name="filters">The number of filters.</param>
    /// <param name="deltas">The highest order of differences over time, 0 to 2.</param>
    public static FeaturePreset LogMel(int filters, int deltas = 0) =>
        new("fbank", MelBins: filters, Coefficients: filters, Lifter: 0, Kind: FeatureKind.LogMel, Deltas: deltas);

    /// <summary>The defaults of torchaudio.transforms.MFCC.</summary>
    /// <param name="coefficients">Coefficients of a frame; torchaudio's default is 40.</param>
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

    /// <summary>The defaults of librosa.feature.mfcc, from version 0.10 on.</summary>
    /// <param name="coefficients">Coefficients of a frame; librosa's default is 20.</param>
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

    /// <summary>Features that are stored in the corpus, in frames of 25 ms every 10 ms.</summary>
    /// <param name="coefficients">Coefficients of a frame.</param>
    /// <param name="deltas">The highest order of differences over time that is appended, 0 to 2.</param>
    public static FeaturePreset Precomputed(int coefficients, int deltas = 0) =>
        new("given", Coefficients: coefficients, Kind: FeatureKind.Precomputed, Deltas: deltas);

    /// <summary>Length of a feature vector: the coefficients and their differences.</summary>
    [JsonIgnore]
    public int Width => Coefficients * (1 + Deltas);

    /// <summary>Samples of a frame.</summary>
    [JsonIgnore]
    public int WindowSamples => (int)Math.Round(SampleRate * WindowMilliseconds / 1000);

    /// <summary>Samples from one frame to the next.</summary>
    [JsonIgnore]
    public int HopSamples => (int)Math.Round(SampleRate * HopMilliseconds / 1000);

    /// <summary>
    /// Seconds from one frame to the next. Computed frames are whole samples apart, so that this may differ slightly
    /// from <see cref="HopMilliseconds"/>.
    /// </summary>
    internal double HopSeconds =>
        Kind == FeatureKind.Precomputed ? HopMilliseconds / 1000 : (double)HopSamples / SampleRate;

    /// <summary>Samples that are padded at each end of the audio.</summary>
    internal int Padding => Edges == FrameEdges.Snip ? 0 : WindowSamples / 2;

    /// <summary>The centre of the first frame, in seconds.</summary>
    internal double FirstCenterSeconds => Edges == FrameEdges.Snip ? WindowMilliseconds / 2000 : 0;

    /// <summary>
    /// The number of frames of a number of samples; the rest at the end is dropped. Too few samples to be mirrored have
    /// no frames.
    /// </summary>
    public int FrameCount(int samples)
    {
        var padded = samples + 2L * Padding;
        var tooFew = padded < WindowSamples || samples == 0 || (Edges == FrameEdges.Reflect && samples <= Padding);
        return tooFew ? 0 : (int)(1 + (padded - WindowSamples) / HopSamples);
    }

    /// <summary>
    /// The settings in which another preset differs, each a clause with both values. The name is not compared.
    /// </summary>
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

    /// <summary>All problems of the settings, each a clause with value and range; empty if there are none.</summary>
    /// <remarks>The features of finite samples are finite if there are no problems.</remarks>
    public IReadOnlyList<string> Validate() =>
        [
            .. CommonRules
                .Concat(Kind == FeatureKind.Precomputed ? PrecomputedRules : ComputedRules)
                .Where(rule => !rule.Holds(this))
                .Select(rule => FormattableString.Invariant(rule.Problem(this))),
        ];

    /// <summary>The preset as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FeatureJson.Default.FeaturePreset);

    /// <summary>Reads a preset from the JSON of <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">The text is not a preset.</exception>
    public static FeaturePreset FromJson(string json) =>
        JsonText.Read(
            json,
            FeatureJson.Default.FeaturePreset,
            "feature preset",
            _ => true,
            "not a feature preset: null"
        );
}

/// <summary>Source-generated JSON serialisation of presets.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(FeaturePreset))]
internal sealed partial class FeatureJson : JsonSerializerContext;
