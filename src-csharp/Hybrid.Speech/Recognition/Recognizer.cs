using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Converts speech to phones with a trained model. Thread-safe: concurrent calls give the same results as serial ones.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="team">Threads that share the work of a call; null for <see cref="ThreadTeam.Default"/>.</param>
public sealed class Recognizer(SpeechModel model, ThreadTeam? team = null)
{
    private static readonly BatchSize EvaluationBatch = new(32, 16000);
    private static readonly Lazy<Recognizer> Shipped = new(() => new Recognizer(SpeechModel.Default));

    private readonly FeatureExtractor extractor = new(model.Features);
    private readonly GreedyDecoder greedy = new();
    private readonly PrefixBeamSearchDecoder? search = model.LanguageModel is { } language
        ? new PrefixBeamSearchDecoder(language.Search())
        : null;

    /// <summary>The model.</summary>
    public SpeechModel Model => model;

    /// <summary>
    /// Settings of the prefix beam search: beam width, number of hypotheses, language model. Null for greedy decoding.
    /// The default is a search with <see cref="SpeechModel.LanguageModel"/>, or null if the model has none.
    /// </summary>
    /// <exception cref="ArgumentException">Settings are invalid; the message lists all of them.</exception>
    public PrefixBeamOptions? Beam
    {
        get;
        init
        {
            field = value;
            search = value is null ? null : new PrefixBeamSearchDecoder(value);
        }
    } = model.LanguageModel?.Search();

    /// <summary>
    /// The phones that the language model of the search gives probability 0 after every history, so that they are never
    /// recognised; empty without such a model, or if its weight is 0.
    /// </summary>
    public IReadOnlyList<string> MissingPhones =>
        Beam is { LanguageModel: { } language, LanguageModelWeight: not 0 }
            ? [.. model.Inventory.Names(language.MissingSymbols)]
            : [];

    /// <summary>
    /// Whether to recognise although there are <see cref="MissingPhones"/>. If false, which is the default, recognition
    /// and evaluation throw a <see cref="MissingPhonesException"/>.
    /// </summary>
    public bool AllowMissingPhones { get; init; }

    /// <summary>
    /// Confidence threshold of voice activity detection, in [0, 1]: phones are dropped if the mean posterior
    /// probability of the phones within 1.5 s is lower. Scores remain those of all phones. 0 keeps every phone. The
    /// default is that of the model.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0, 1].</exception>
    public double MinConfidence
    {
        get;
        init => field = SpeechModel.Probability(value);
    } = model.MinConfidence;

    /// <summary>Division of long recordings into chunks.</summary>
    /// <exception cref="ArgumentException">Options are invalid; the message lists all of them.</exception>
    public ChunkingOptions Chunking
    {
        get;
        init =>
            field = value.Validate() is { Count: > 0 } problems
                ? throw new ArgumentException(string.Join("; ", problems), nameof(value))
                : value;
    } = new();

    /// <summary>
    /// Maximum memory for features and activations over all concurrent calls, in bytes; 256 MiB by default. Calls that
    /// would exceed it wait for others to finish. A call that needs more runs when no other one does. The caller's
    /// audio, the search for phones and results are not counted.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxWorkingBytes
    {
        get => Workspaces.MaxWorkingBytes;
        init => Workspaces.MaxWorkingBytes = NotNegative(value);
    }

    /// <summary>
    /// Maximum working memory kept between calls to be reused, in bytes; 64 MiB by default. 0 keeps none. Memory beyond
    /// it is released at the end of each call.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long MaxIdleBytes
    {
        get => Workspaces.MaxIdleBytes;
        init => Workspaces.MaxIdleBytes = NotNegative(value);
    }

    internal WorkspacePool Workspaces { get; } = new(team);

    /// <summary>A shared recogniser with <see cref="SpeechModel.Default"/>, the model that is part of Hybrid.</summary>
    public static Recognizer Default => Shipped.Value;

    /// <summary>Creates a recogniser with the model of a file.</summary>
    /// <exception cref="FormatException">The file is damaged or not a model.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static Recognizer Load(string path) => new(SpeechModel.Load(path));

    /// <summary>Checks that every phone can be recognised, or that missing ones are allowed.</summary>
    /// <exception cref="MissingPhonesException">
    /// There are <see cref="MissingPhones"/>, and <see cref="AllowMissingPhones"/> is false.
    /// </exception>
    public void RequireAllPhones()
    {
        if (!AllowMissingPhones && MissingPhones is { Count: > 0 } missing)
            throw new MissingPhonesException("", missing);
    }

    /// <summary>Recognises a clip. Audio shorter than a frame has no phones.</summary>
    /// <param name="clip">Audio with a sample rate of 8 to 48 kHz.</param>
    /// <param name="cancellation">Stops between the chunks of a long recording.</param>
    /// <exception cref="ArgumentException">
    /// The sample rate is outside 8000 to 48000, or a sample is not finite; the message has its index and time.
    /// </exception>
    /// <exception cref="MissingPhonesException">
    /// The language model lacks phones, and <see cref="AllowMissingPhones"/> is false.
    /// </exception>
    /// <exception cref="InvalidOperationException">The model takes precomputed features.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public RecognitionResult Recognize(AudioClip clip, CancellationToken cancellation = default) =>
        Recognize(LogProbs(clip, cancellation), clip.DurationSeconds);

    /// <summary>Recognises samples in [-1, 1].</summary>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)"/>
    public RecognitionResult Recognize(float[] samples, int sampleRate, CancellationToken cancellation = default) =>
        Recognize(new AudioClip(samples, sampleRate), cancellation);

    /// <summary>Recognises an audio file without blocking the calling thread.</summary>
    /// <param name="path">A WAV or FLAC file.</param>
    /// <param name="cancellation">Stops while the file is read, and between the chunks of a long recording.</param>
    /// <exception cref="AudioFormatException">
    /// The file is damaged or of an unknown format; the message names file, place and remedy.
    /// </exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)" path="/exception"/>
    public async Task<RecognitionResult> RecognizeAsync(string path, CancellationToken cancellation = default)
    {
        RequireAllPhones();
        var clip = await AudioClip.ReadAsync(path, cancellation).ConfigureAwait(false);
        var logProbs = await LogProbsAsync(clip, cancellation).ConfigureAwait(false);
        return await Task.Run(() => Recognize(logProbs, clip.DurationSeconds), cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Recognises an utterance of a corpus: its audio, or its precomputed features. The transcript is not used.
    /// </summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public RecognitionResult Recognize(Utterance utterance)
    {
        var (logProbs, duration) = LogProbs(utterance);
        return Recognize(logProbs, duration);
    }

    /// <summary>Recognises features as computed by <see cref="FeatureExtractor.Extract(AudioClip)"/>.</summary>
    /// <param name="features">Features, [frames, width of the preset], normalised over the utterance.</param>
    /// <param name="computedBy">Preset of the features; must equal that of the model, names aside.</param>
    /// <param name="durationSeconds">Duration of the audio, in seconds.</param>
    /// <exception cref="ArgumentException">
    /// The presets differ, and the message lists every difference; or the last frame is incomplete, or a feature is not
    /// finite.
    /// </exception>
    public RecognitionResult Recognize(float[] features, FeaturePreset computedBy, double durationSeconds)
    {
        if (model.Features.DiffersFrom(computedBy) is { Count: > 0 } differences)
            throw new ArgumentException(
                $"these are not the features of the model: {string.Join("; ", differences)}",
                nameof(computedBy)
            );
        if (features.Length % model.Features.Width != 0)
            throw new ArgumentException(
                $"{features.Length} numbers do not divide into frames of {model.Features.Width} features",
                nameof(features)
            );
        if (FeatureExtractor.FirstNotFinite(features, model.Features.Width) is { } problem)
            throw new ArgumentException(problem, nameof(features));
        return Recognize(LogProbs(features), durationSeconds);
    }

    /// <summary>Recognises utterances and compares the results with their transcripts.</summary>
    /// <param name="utterances">Recordings with transcripts.</param>
    /// <param name="lexicons">Lexicons in order of precedence; the built-in one if null or empty.</param>
    /// <param name="cancellation">Stops between utterances.</param>
    /// <param name="cache">
    /// Keeps features for later calls and those that exceed the memory; null to hold all in memory.
    /// </param>
    /// <returns>The evaluation, and the utterances that could not be used.</returns>
    /// <exception cref="MissingPhonesException">
    /// The language model lacks phones, and <see cref="AllowMissingPhones"/> is false.
    /// </exception>
    public (Evaluation Evaluation, IReadOnlyList<SkippedUtterance> Skipped) Evaluate(
        IReadOnlyList<Utterance> utterances,
        IReadOnlyList<Lexicon>? lexicons = null,
        CancellationToken cancellation = default,
        FeatureCache? cache = null
    )
    {
        RequireAllPhones();
        var pronouncer = Pronouncer.Of(lexicons);
        var data = SpeechDataset.Load(utterances, extractor, model.Inventory, pronouncer, cancellation, cache);
        var evaluation = Evaluation.Run(
            model.Network,
            data,
            EvaluationBatch,
            logProbs => Decode(logProbs)[0],
            new Workspace(team),
            cancellation
        );
        return (evaluation, data.Skipped);
    }

    /// <summary>Log probabilities of the symbols in each output frame, [T', V].</summary>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)"/>
    public LogProbs LogProbs(AudioClip clip, CancellationToken cancellation = default)
    {
        var (passFrames, featureBytes) = Needs(clip.DurationSeconds);
        using var lease = Workspaces.Rent(passFrames, featureBytes, cancellation);
        return LogProbs(extractor.Extract(clip), lease, cancellation);
    }

    /// <summary>Log probabilities of an utterance of a corpus, [T', V], and its duration in seconds.</summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public (LogProbs LogProbs, double DurationSeconds) LogProbs(Utterance utterance)
    {
        var (features, duration) = extractor.Extract(utterance);
        return (LogProbs(features), duration);
    }

    /// <summary>
    /// Log probabilities of the symbols in each output frame, [T', V]; neither the work nor the wait for memory blocks
    /// the calling thread.
    /// </summary>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)"/>
    internal async Task<LogProbs> LogProbsAsync(AudioClip clip, CancellationToken cancellation)
    {
        var (passFrames, featureBytes) = Needs(clip.DurationSeconds);
        using var lease = await Workspaces.RentAsync(passFrames, featureBytes, cancellation).ConfigureAwait(false);
        return await Task.Run(() => LogProbs(extractor.Extract(clip), lease, cancellation), cancellation)
            .ConfigureAwait(false);
    }

    private LogProbs LogProbs(float[] features)
    {
        var passFrames = PassFrames(features.Length / model.Features.Width);
        using var lease = Workspaces.Rent(passFrames, otherBytes: 0, CancellationToken.None);
        return LogProbs(features, lease, CancellationToken.None);
    }

    private LogProbs LogProbs(float[] features, WorkspacePool.Lease lease, CancellationToken cancellation)
    {
        var (frames, symbols) = (features.Length / model.Features.Width, model.Inventory.Count);
        if (frames == 0)
            return Core.LogProbs.FromLogits([], 0, symbols);
        var logits = Chunking.Forward(model.Network, features, frames, lease.Workspace, lease.Measure, cancellation);
        return Core.LogProbs.FromLogits(logits, logits.Length / symbols, symbols);
    }

    /// <summary>
    /// Frames of a forward pass, and bytes of resampled audio, coefficients and features, for a clip.
    /// </summary>
    private (int PassFrames, long FeatureBytes) Needs(double durationSeconds)
    {
        var preset = model.Features;
        var frames = (int)Math.Min(int.MaxValue, durationSeconds / preset.HopSeconds);
        var numbers = durationSeconds * preset.SampleRate + (double)frames * (preset.Coefficients + preset.Width);
        return (PassFrames(frames), (long)(numbers * sizeof(float)));
    }

    private int PassFrames(int frames) => Chunking.PassFrames(model.Network.FrameMapping.Stride, frames);

    /// <summary>
    /// Hypotheses in descending order of score, without phones outside of speech; one without phones and of probability
    /// 0 if the language model excludes all.
    /// </summary>
    private IReadOnlyList<Hypothesis> Decode(LogProbs logProbs)
    {
        RequireAllPhones();
        IReadOnlyList<Hypothesis> all =
            search is null ? [greedy.Decode(logProbs)]
            : search.Decode(logProbs) is { Count: > 0 } found ? found
            : [new Hypothesis([], double.NegativeInfinity)];
        var times = model.Times;
        var reach = (int)Math.Round(ConfidenceVad.ReachSeconds / (times.Stride * times.HopSeconds));
        return [.. all.Select(new ConfidenceVad(logProbs, reach, MinConfidence).Apply)];
    }

    private RecognitionResult Recognize(LogProbs logProbs, double durationSeconds) =>
        new([.. Decode(logProbs).Select(hypothesis => WithTimes(hypothesis, durationSeconds))], durationSeconds);

    private TimedHypothesis WithTimes(Hypothesis hypothesis, double durationSeconds)
    {
        var times = model.Times;
        Interval PhoneOf(LabelSpan label)
        {
            var (start, end) = times.Span(label.Start, label.End, durationSeconds);
            return new Interval(model.Inventory.Symbols[label.Symbol], start, end, label.Confidence);
        }
        return new TimedHypothesis(
            [.. hypothesis.Labels.Select(PhoneOf)],
            hypothesis.Acoustic,
            hypothesis.LanguageModel,
            hypothesis.LengthBonus
        );
    }

    private static long NotNegative(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return bytes;
    }
}
