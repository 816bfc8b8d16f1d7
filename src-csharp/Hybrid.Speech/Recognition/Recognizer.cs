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

    // Half an hour of 16-bit audio at 16 kHz takes 58 MB, FLAC about half of it.
    private const long LargeFileBytes = 16 << 20;

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

    /// <summary>
    /// Recognises sound files, one on each thread of the team. The results equal those of single calls and come in the
    /// order of the paths, each as soon as those before it are there. Memory does not depend on the number of files;
    /// files of more than 16 MiB are read one at a time.
    /// </summary>
    /// <param name="paths">WAV or FLAC files; read ahead of the results, by a bounded number.</param>
    /// <param name="channel">The channel to read, from 0; null for the mean of all.</param>
    /// <param name="cancellation">Stops between files, and between the chunks of a long recording.</param>
    /// <returns>A result or a reason for each path. The work is done while they are enumerated.</returns>
    /// <exception cref="MissingPhonesException">
    /// The language model lacks phones, and <see cref="AllowMissingPhones"/> is false.
    /// </exception>
    /// <exception cref="InvalidOperationException">The model takes precomputed features.</exception>
    /// <exception cref="OperationCanceledException">The enumeration was cancelled.</exception>
    public IEnumerable<RecognitionOutcome> RecognizeAll(
        IEnumerable<string> paths,
        int? channel = null,
        CancellationToken cancellation = default
    )
    {
        RequireAllPhones();
        return Concurrently(
            paths,
            path => path,
            (path, token) =>
                RecognitionOutcome.Of(path, () => Recognize(AudioClip.Read(path, channel: channel), token)),
            cancellation
        );
    }

    /// <summary>Recognises utterances of a corpus: their audio, or their precomputed features.</summary>
    /// <param name="utterances">Utterances, whose transcripts are not used.</param>
    /// <param name="cancellation">Stops between utterances.</param>
    /// <returns>A result or a reason for each utterance. The work is done while they are enumerated.</returns>
    /// <inheritdoc cref="RecognizeAll(IEnumerable{string}, int?, CancellationToken)"/>
    public IEnumerable<RecognitionOutcome> RecognizeAll(
        IEnumerable<Utterance> utterances,
        CancellationToken cancellation = default
    )
    {
        RequireAllPhones();
        return Concurrently(
            utterances,
            utterance => utterance.SourcePath,
            (utterance, _) => RecognitionOutcome.Of(utterance.Id, () => Recognize(utterance)),
            cancellation
        );
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
    /// <param name="progress">Receives the fraction that is done, in [0, 1], from any thread.</param>
    /// <returns>The evaluation, and the utterances that could not be used.</returns>
    /// <exception cref="MissingPhonesException">
    /// The language model lacks phones, and <see cref="AllowMissingPhones"/> is false.
    /// </exception>
    public (Evaluation Evaluation, IReadOnlyList<SkippedUtterance> Skipped) Evaluate(
        IReadOnlyList<Utterance> utterances,
        IReadOnlyList<Lexicon>? lexicons = null,
        CancellationToken cancellation = default,
        FeatureCache? cache = null,
        IProgress<double>? progress = null
    )
    {
        RequireAllPhones();
        // Features, then the network: one half of the fraction each.
        IProgress<int>? Half(double start, int count) =>
            progress is null ? null : new FractionOfHalf(progress, start, count);
        var pronouncer = Pronouncer.Of(lexicons);
        var data = SpeechDataset.Load(
            utterances,
            extractor,
            model.Inventory,
            pronouncer,
            cancellation,
            cache,
            team: team,
            progress: Half(0, utterances.Count)
        );
        var evaluation = Evaluation.Run(
            model.Network,
            data,
            EvaluationBatch,
            logProbs => Decode(logProbs)[0],
            new Workspace(team),
            cancellation,
            Half(0.5, data.Count)
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

    /// <summary>Work on recordings, one on each thread of the team; those with large files one at a time.</summary>
    /// <param name="items">The recordings.</param>
    /// <param name="pathOf">The file of a recording; null if it has none.</param>
    /// <param name="work">The work on a recording.</param>
    /// <param name="cancellation">Stops between recordings.</param>
    internal IEnumerable<TResult> Concurrently<TItem, TResult>(
        IEnumerable<TItem> items,
        Func<TItem, string?> pathOf,
        Func<TItem, CancellationToken, TResult> work,
        CancellationToken cancellation
    ) =>
        OrderedWork.Run(
            team ?? ThreadTeam.Default,
            items,
            work,
            // A missing file is small; the work says what is wrong with it.
            item => pathOf(item) is { } path && new FileInfo(path) is { Exists: true, Length: > LargeFileBytes },
            cancellation
        );

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

    private int PassFrames(int frames) => Chunking.PassFrames(model.Network, frames);

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

    /// <summary>Progress within one half of the work.</summary>
    private sealed class FractionOfHalf(IProgress<double> progress, double start, int count) : IProgress<int>
    {
        public void Report(int done) => progress.Report(start + 0.5 * done / count);
    }
}
