using System.Collections.Concurrent;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>One reading of an utterance. All scores are natural logarithms and add up to <see cref="Total"/>.</summary>
/// <param name="Phones">The phones in order of time.</param>
/// <param name="LogProbability">
/// Of the phones given the audio: of their best alignment if greedily decoded, of all alignments that a beam search has kept.
/// </param>
/// <param name="LanguageModel">Weighted log probability of the phones themselves; 0 without a language model.</param>
/// <param name="LengthBonus">What the phones' number adds.</param>
public sealed record TimedHypothesis(
    IReadOnlyList<Interval> Phones,
    double LogProbability,
    double LanguageModel = 0,
    double LengthBonus = 0
)
{
    /// <summary>By which readings are compared.</summary>
    public double Total => LogProbability + LanguageModel + LengthBonus;

    /// <summary>The names of the phones with spaces between.</summary>
    public override string ToString() => string.Join(' ', Phones.Select(phone => phone.Label));
}

/// <summary>What was recognised in an utterance.</summary>
/// <param name="Hypotheses">The best first; at least one, and more where an n-best list was asked for.</param>
/// <param name="DurationSeconds">Length of the audio.</param>
public sealed record RecognitionResult(IReadOnlyList<TimedHypothesis> Hypotheses, double DurationSeconds)
{
    /// <summary>The phones of the best reading.</summary>
    public IReadOnlyList<Interval> Phones => Hypotheses[0].Phones;

    /// <summary>The best reading's <see cref="TimedHypothesis.LogProbability"/>.</summary>
    public double LogProbability => Hypotheses[0].LogProbability;

    /// <summary>The best reading: the names of its phones with spaces between.</summary>
    public override string ToString() => Hypotheses[0].ToString();
}

/// <summary>
/// Turns speech into phones with a trained model. One recogniser serves any number of threads at a time.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="team">Threads to share the work of a call; all processors where left out.</param>
public sealed class Recognizer(SpeechModel model, ThreadTeam? team = null)
{
    private static readonly BatchSize EvaluationBatch = new(32, 16000);
    private static readonly Lazy<Recognizer> Shipped = new(() => new Recognizer(SpeechModel.Default));

    private readonly FeatureExtractor extractor = new(model.Features);
    private readonly GreedyDecoder greedy = new();
    private readonly PrefixBeamSearchDecoder? search = model.LanguageModel is { } language
        ? new PrefixBeamSearchDecoder(language.Search())
        : null;
    private readonly ConcurrentBag<Workspace> idle = [];

    /// <summary>The model.</summary>
    public SpeechModel Model => model;

    /// <summary>
    /// How to search for phones, with how many readings to return and with which language model: with <see cref="SpeechModel.LanguageModel"/>,
    /// if the model has one. Null to take the most probable symbol of every frame, as a recogniser does whose model has none.
    /// </summary>
    /// <exception cref="ArgumentException">Settings are wrong; the message lists all.</exception>
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
    /// How sure the network must be, on average over the phones within 1.5 s, for there to be speech at all: phones where it is less
    /// sure are left out, and scores stay those of all phones. As the model says; 0 keeps every phone.
    /// </summary>
    public double MinConfidence
    {
        get;
        init => field = SpeechModel.Probability(value);
    } = model.MinConfidence;

    /// <summary>How recordings too long for the memory go through the network.</summary>
    public ChunkingOptions Chunking { get; init; } = new();

    /// <summary>A recogniser with the model that comes with Hybrid, <see cref="SpeechModel.Default"/>; one for all who ask.</summary>
    public static Recognizer Default => Shipped.Value;

    /// <summary>A recogniser with the model of a file.</summary>
    /// <exception cref="FormatException">The file is torn or no model.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static Recognizer Load(string path) => new(SpeechModel.Load(path));

    /// <summary>Recognises a clip, at any sample rate from 8 to 48 kHz; audio shorter than a frame has no phones.</summary>
    /// <param name="clip">The sound.</param>
    /// <param name="cancellation">Stops between the windows of a long recording.</param>
    /// <exception cref="ArgumentException">The audio's sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="InvalidOperationException">The model takes features that are given, and no sound.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public RecognitionResult Recognize(AudioClip clip, CancellationToken cancellation = default) =>
        Recognize(LogProbs(clip, cancellation), clip.DurationSeconds);

    /// <summary>Recognises samples in [-1, 1].</summary>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)"/>
    public RecognitionResult Recognize(float[] samples, int sampleRate, CancellationToken cancellation = default) =>
        Recognize(new AudioClip(samples, sampleRate), cancellation);

    /// <summary>Recognises a sound file without holding up the caller's thread.</summary>
    /// <param name="path">WAV or FLAC.</param>
    /// <param name="cancellation">Stops while the file is read, and between the windows of a long recording.</param>
    /// <exception cref="AudioFormatException">The content is no audio that Hybrid knows; the message names file, place and remedy.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    /// <inheritdoc cref="Recognize(AudioClip, CancellationToken)" path="/exception"/>
    public async Task<RecognitionResult> RecognizeAsync(string path, CancellationToken cancellation = default)
    {
        var clip = await AudioClip.ReadAsync(path, cancellation).ConfigureAwait(false);
        return await Task.Run(() => Recognize(clip, cancellation), cancellation).ConfigureAwait(false);
    }

    /// <summary>Recognises an utterance of a corpus: its sound, or the features that are given; what is said in it is not looked at.</summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public RecognitionResult Recognize(Utterance utterance)
    {
        var (logProbs, duration) = LogProbs(utterance);
        return Recognize(logProbs, duration);
    }

    /// <summary>Recognises features that were computed before, as <see cref="FeatureExtractor.Extract(AudioClip)"/> gives them.</summary>
    /// <param name="features">[frames, width of the model's preset], normalised over the utterance.</param>
    /// <param name="computedBy">What they are; the model takes its own alone.</param>
    /// <param name="durationSeconds">Length of the sound that they stand for.</param>
    /// <exception cref="ArgumentException">They are other features than the model's, the message lists every difference; or the last frame is torn.</exception>
    public RecognitionResult Recognize(float[] features, FeaturePreset computedBy, double durationSeconds)
    {
        if (model.Features.DiffersFrom(computedBy) is { Count: > 0 } differences)
            throw new ArgumentException(
                $"these are not the features that the model takes: {string.Join("; ", differences)}",
                nameof(computedBy)
            );
        if (features.Length % model.Features.Width != 0)
            throw new ArgumentException(
                $"{features.Length} numbers are no frames of {model.Features.Width} features",
                nameof(features)
            );
        return Recognize(LogProbs(features), durationSeconds);
    }

    /// <summary>Recognises utterances and compares with their transcripts.</summary>
    /// <param name="utterances">Recordings with transcripts.</param>
    /// <param name="lexicons">Pronunciations, tried in order; those of the built-in words where none is given.</param>
    /// <param name="cancellation">Stops between utterances.</param>
    /// <param name="cache">Keeps features for the next time and for want of memory; null to hold all in memory.</param>
    /// <returns>The figures, and the utterances that could not be used.</returns>
    public (Evaluation Evaluation, IReadOnlyList<SkippedUtterance> Skipped) Evaluate(
        IReadOnlyList<Utterance> utterances,
        IReadOnlyList<Lexicon>? lexicons = null,
        CancellationToken cancellation = default,
        FeatureCache? cache = null
    )
    {
        var pronouncer = Pronouncer.Of(lexicons);
        var data = SpeechDataset.Load(utterances, extractor, model.Inventory, pronouncer, cancellation, cache);
        return (
            Evaluation.Run(
                model.Network,
                data,
                EvaluationBatch,
                logProbs => Decode(logProbs)[0],
                new Workspace(team),
                cancellation
            ),
            data.Skipped
        );
    }

    /// <summary>The network's log probabilities, for decoders, aligners and pictures.</summary>
    /// <exception cref="ArgumentException">The audio's sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="InvalidOperationException">The model takes features that are given, and no sound.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public LogProbs LogProbs(AudioClip clip, CancellationToken cancellation = default) =>
        LogProbs(extractor.Extract(clip), cancellation);

    /// <summary>The network's log probabilities for an utterance of a corpus, and its length in seconds.</summary>
    /// <inheritdoc cref="UtteranceFeatures.Extract(FeatureExtractor, Utterance)" path="/exception"/>
    public (LogProbs LogProbs, double DurationSeconds) LogProbs(Utterance utterance)
    {
        var (features, duration) = extractor.Extract(utterance);
        return (LogProbs(features), duration);
    }

    private LogProbs LogProbs(float[] features, CancellationToken cancellation = default)
    {
        var frames = features.Length / model.Features.Width;
        if (frames == 0)
            return Core.LogProbs.FromLogits([], 0, model.Inventory.Count);
        if (!idle.TryTake(out var workspace))
            workspace = new Workspace(team);
        var logits = Chunking.Forward(model.Network, features, frames, workspace, cancellation);
        idle.Add(workspace);
        return Core.LogProbs.FromLogits(logits, logits.Length / model.Inventory.Count, model.Inventory.Count);
    }

    /// <summary>The hypotheses, the best first, without what is no speech; an empty one of probability 0 where a language model forbids all.</summary>
    private IReadOnlyList<Hypothesis> Decode(LogProbs logProbs)
    {
        IReadOnlyList<Hypothesis> all =
            search is null ? [greedy.Decode(logProbs)]
            : search.Decode(logProbs) is { Count: > 0 } found ? found
            : [new Hypothesis([], double.NegativeInfinity)];
        var times = model.Times;
        var reach = (int)Math.Round(ConfidenceVad.ReachSeconds / (times.Stride * times.HopSeconds));
        return [.. all.Select(new ConfidenceVad(logProbs, reach, MinConfidence).Apply)];
    }

    private RecognitionResult Recognize(LogProbs logProbs, double durationSeconds)
    {
        var times = model.Times;
        TimedHypothesis Read(Hypothesis hypothesis) =>
            new(
                [
                    .. hypothesis.Labels.Select(label =>
                    {
                        var (start, end) = times.Span(label.Start, label.End, durationSeconds);
                        return new Interval(model.Inventory.Symbols[label.Symbol], start, end, label.Confidence);
                    }),
                ],
                hypothesis.Acoustic,
                hypothesis.LanguageModel,
                hypothesis.LengthBonus
            );
        return new RecognitionResult([.. Decode(logProbs).Select(Read)], durationSeconds);
    }
}
