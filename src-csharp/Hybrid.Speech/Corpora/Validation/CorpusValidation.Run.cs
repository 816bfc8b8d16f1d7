using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Hybrid.Core;

namespace Hybrid.Speech;

public sealed partial record CorpusValidation
{
    // See OutlierRule. Where most utterances have nearly equal lengths or levels, small differences are not outliers.
    private const double NearRatio = 8,
        NearDecibels = 15;

    /// <summary>
    /// Reads every utterance of a corpus once, on all processors, and looks up every word. Only a few figures of an
    /// utterance are kept, so that the corpus need not fit into memory.
    /// </summary>
    /// <param name="corpus">Utterances with transcripts.</param>
    /// <param name="network">The network to be trained; its subsampling determines the number of output frames.</param>
    /// <param name="features">The features of the network.</param>
    /// <param name="dev">
    /// A separate validation corpus, of which all splits are used; null to use the split dev of the corpus.
    /// </param>
    /// <param name="lexicons">Pronunciations, tried in order; the built-in ones if there are none.</param>
    /// <param name="progress">Reports the fraction done.</param>
    /// <param name="cancellation">Cancels between utterances.</param>
    /// <exception cref="ArgumentException">The features have invalid settings.</exception>
    /// <exception cref="InvalidSpecException">The network has invalid settings.</exception>
    public static CorpusValidation Run(
        Corpus corpus,
        NetworkSpec network,
        FeaturePreset features,
        Corpus? dev = null,
        IReadOnlyList<Lexicon>? lexicons = null,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default
    )
    {
        (string Split, Utterance Utterance)[] all =
        [
            .. corpus.Utterances.Select(u => (u.Split, u)),
            .. (dev?.Utterances ?? []).Select(u => (DevCorpus, u)),
        ];
        var pronouncer = Pronouncer.Of(lexicons);
        var toBeRecognized = ToBeRecognized(all);
        var examiner = new Examiner(network, features, pronouncer, toBeRecognized);
        var found = new Examined[all.Length];
        var done = 0;
        Parallel.For(0, all.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            found[i] = examiner.Examine(all[i].Split, all[i].Utterance);
            progress?.Report((double)Interlocked.Increment(ref done) / all.Length);
        });

        SkippedUtterance[] unread = [.. corpus.Skipped, .. dev?.Skipped ?? []];
        return new CorpusValidation(
            Summarize(found, toBeRecognized),
            unread.Length + found.Count(one => one.IsSkipped),
            [.. unread, .. found.Select(one => one.Skipped).OfType<SkippedUtterance>()],
            Unknown(found, pronouncer.Lexicons, cancellation),
            [.. found.Where(one => one.TooShort is not null).Select(one => one.TooShort!)],
            [
                .. found
                    .Where(one => one.Seconds > 0)
                    .GroupBy(one => one.Content)
                    .Where(group => group.Count() > 1)
                    .Select(group => new DuplicateAudio(
                        [.. group.Select(one => one.Id)],
                        [.. group.Select(one => one.Split).Distinct()]
                    )),
            ],
            [
                .. Far(found, OutlierKind.Length, one => Math.Log(one.Seconds), Math.Log(NearRatio), Math.Exp),
                .. Far(found, OutlierKind.Level, one => one.Decibels, NearDecibels, level => level),
            ],
            [
                .. found
                    .Where(one => one.Speaker.Length > 0)
                    .GroupBy(one => one.Speaker, one => one.Split)
                    .Select(group => new SharedSpeaker(group.Key, [.. group.Distinct()]))
                    .Where(shared => shared.Splits.Count > 1),
            ]
        );
    }

    /// <summary>
    /// The splits without any transcript that are not for training or validation: these are to be recognised.
    /// Utterances without a split are for training if no split is named train.
    /// </summary>
    private static HashSet<string> ToBeRecognized(IReadOnlyCollection<(string Split, Utterance Utterance)> all) =>
        [
            .. all.GroupBy(one => one.Split)
                .Where(split =>
                    split.Key is not ("train" or "dev" or DevCorpus)
                    && (split.Key.Length > 0 || all.Any(one => one.Split == "train"))
                    && split.All(one => one.Utterance is { Text: null, Phones: null })
                )
                .Select(split => split.Key),
        ];

    private static List<SplitSummary> Summarize(IEnumerable<Examined> found, HashSet<string> toBeRecognized) =>
        [
            .. found
                .GroupBy(one => one.Split)
                .Select(split => new SplitSummary(
                    split.Key,
                    split.Count(),
                    split.Count(one => one.IsUsable),
                    split.Select(one => one.Speaker).Distinct().Count(speaker => speaker.Length > 0),
                    split.Sum(one => double.IsNaN(one.Seconds) ? 0 : one.Seconds) / 3600
                )
                {
                    IsToBeRecognized = toBeRecognized.Contains(split.Key),
                }),
        ];

    private static UnknownWord[] Unknown(
        IEnumerable<Examined> found,
        IEnumerable<Lexicon> lexicons,
        CancellationToken cancellation
    )
    {
        var words = found
            .SelectMany(one => one.Missing, (one, word) => (one.Id, Word: word))
            .GroupBy(one => one.Word, one => one.Id)
            .OrderByDescending(word => word.Count())
            .ThenBy(word => word.Key, StringComparer.Ordinal)
            .ToList();
        var known = new NearestWord(lexicons.SelectMany(lexicon => lexicon.Words));
        var result = new UnknownWord[words.Count];
        Parallel.For(0, words.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
            result[i] = new UnknownWord(
                words[i].Key,
                words[i].Count(),
                [.. words[i].Distinct()],
                known.Find(words[i].Key)
            )
        );
        return result;
    }

    private static IEnumerable<Outlier> Far(
        Examined[] found,
        OutlierKind kind,
        Func<Examined, double> value,
        double near,
        Func<double, double> shown
    )
    {
        var values = Array.ConvertAll(found, one => value(one));
        var (indices, median) = OutlierScore.Find(values, near);
        return indices.Select(i => new Outlier(found[i].Id, kind, shown(values[i]), shown(median)));
    }

    /// <summary>The findings about an utterance.</summary>
    /// <param name="Split">Its split.</param>
    /// <param name="Id">Its id.</param>
    /// <param name="Speaker">Its speaker.</param>
    /// <param name="IsToBeRecognized">Whether it needs no transcript.</param>
    /// <param name="Seconds">Its length; NaN if it cannot be read.</param>
    /// <param name="Decibels">Its level; NaN if there is no audio.</param>
    /// <param name="Content">A hash of its samples.</param>
    /// <param name="Skipped">Why it cannot be read or transcribed; null if it can.</param>
    /// <param name="Missing">Its words without pronunciation.</param>
    /// <param name="TooShort">Not null if its phones need more frames than it has.</param>
    private sealed record Examined(
        string Split,
        string Id,
        string Speaker,
        bool IsToBeRecognized,
        double Seconds,
        double Decibels,
        UInt128 Content,
        SkippedUtterance? Skipped,
        IReadOnlyList<string> Missing,
        InfeasibleUtterance? TooShort
    )
    {
        public bool IsSkipped => Skipped is not null || Missing.Count > 0 || TooShort is not null;

        public bool IsUsable => !IsSkipped && !IsToBeRecognized;
    }

    /// <summary>Examines utterances. Safe for use by several threads.</summary>
    private sealed class Examiner(
        NetworkSpec spec,
        FeaturePreset features,
        Pronouncer pronouncer,
        HashSet<string> toBeRecognized
    )
    {
        private readonly FeatureExtractor extractor = new(features);
        private readonly Network<float> network = new(spec);

        public Examined Examine(string split, Utterance utterance)
        {
            var (frames, seconds, decibels, content) = (0, double.NaN, double.NaN, (UInt128)0);
            var reasons = new List<SkippedUtterance>();
            IReadOnlyList<string> missing = [];
            int[]? labels = null;
            Attempt(() => (frames, seconds, decibels, content) = Measure(utterance));
            if (!toBeRecognized.Contains(split))
                Attempt(() => (labels, missing) = Transcribe(utterance));
            var needed = labels is null ? 0 : CtcFeasibility.FramesNeeded(labels);
            var tooShort =
                reasons.Count == 0
                && labels is not null
                && network.OutputLength(frames) is var available
                && needed > available
                    ? new InfeasibleUtterance(utterance.Id, labels.Length, needed - labels.Length, available)
                    : null;
            return new Examined(
                split,
                utterance.Id,
                utterance.Speaker,
                toBeRecognized.Contains(split),
                seconds,
                decibels,
                content,
                reasons.Count == 0
                    ? null
                    : new SkippedUtterance(utterance.Id, string.Join("; ", reasons.Select(one => one.Reason)))
                    {
                        NeedsChannel = reasons.Exists(one => one.NeedsChannel),
                    },
                missing,
                tooShort
            );

            void Attempt(Action step)
            {
                try
                {
                    step();
                }
                catch (Exception error) when (SkippedUtterance.CanSkip(error))
                {
                    reasons.Add(SkippedUtterance.Of(utterance.Id, error));
                }
            }
        }

        private (int Frames, double Seconds, double Decibels, UInt128 Content) Measure(Utterance utterance)
        {
            if (extractor.Preset.Kind == FeatureKind.Precomputed || utterance.AudioPath.Length == 0)
            {
                var (features, duration) = extractor.Extract(utterance);
                return (features.Length / extractor.Preset.Width, duration, double.NaN, ContentOf(features, 0));
            }
            var clip = utterance.ReadAudio();
            var squares = 0.0;
            foreach (var sample in clip.Samples)
                squares += (double)sample * sample;
            return (
                extractor.Preset.FrameCount(clip.Resample(extractor.Preset.SampleRate).Samples.Length),
                clip.DurationSeconds,
                10 * Math.Log10(squares / Math.Max(1, clip.Samples.Length)),
                ContentOf(clip.Samples, clip.SampleRate)
            );
        }

        private (int[]? Labels, IReadOnlyList<string> Missing) Transcribe(Utterance utterance)
        {
            if (
                utterance is { Phones: null, Text: { } text }
                && pronouncer.Pronounce(text).Missing is { Count: > 0 } missing
            )
                return (null, missing);
            return (PhoneInventory.Arpabet.Labels(utterance.Transcribe(pronouncer)), []);
        }

        private static UInt128 ContentOf(float[] values, int rate)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hash.AppendData(BitConverter.GetBytes(rate));
            hash.AppendData(MemoryMarshal.AsBytes<float>(values));
            return MemoryMarshal.Read<UInt128>(hash.GetHashAndReset());
        }
    }
}
