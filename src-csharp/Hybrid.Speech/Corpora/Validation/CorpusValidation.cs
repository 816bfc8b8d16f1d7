using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>The size of a split.</summary>
/// <param name="Name">Name of the split; empty for utterances without one.</param>
/// <param name="Utterances">The number of utterances, usable or not.</param>
/// <param name="Usable">The number of utterances that training can use.</param>
/// <param name="Speakers">The number of named speakers.</param>
/// <param name="Hours">Total length of the readable utterances, in hours.</param>
public sealed record SplitSummary(string Name, int Utterances, int Usable, int Speakers, double Hours)
{
    /// <summary>
    /// Whether the split has no transcripts and is not for training or validation: it is to be recognised.
    /// </summary>
    public bool IsToBeRecognized { get; init; }
}

/// <summary>A word of the transcripts without pronunciation.</summary>
/// <param name="Word">The word in upper case.</param>
/// <param name="Occurrences">The number of its occurrences.</param>
/// <param name="Utterances">The utterances that are skipped because of it.</param>
/// <param name="Nearest">The known word with the most similar spelling; null if none is similar.</param>
public sealed record UnknownWord(string Word, int Occurrences, IReadOnlyList<string> Utterances, string? Nearest)
{
    /// <summary>Word, count, first utterance and nearest word.</summary>
    public override string ToString() =>
        $"{Quoted.Unless(Word)} (x{Occurrences}, first in {Quoted.Unless(Utterances[0])}): "
        + (Nearest is null ? "no known word is similar" : $"the nearest known word is {Nearest}");
}

/// <summary>An utterance whose phones need more output frames than it has.</summary>
/// <param name="Id">The utterance.</param>
/// <param name="Phones">The number of phones of its transcript.</param>
/// <param name="Repeats">The number of adjacent equal phones, which need a blank between them.</param>
/// <param name="FramesAvailable">Output frames after the network's subsampling.</param>
public sealed record InfeasibleUtterance(string Id, int Phones, int Repeats, int FramesAvailable)
{
    /// <summary>Output frames that the phones need.</summary>
    public int FramesNeeded => Phones + Repeats;

    /// <summary>Id, needed and available frames.</summary>
    public override string ToString() =>
        $"{Quoted.Unless(Id)}: needs {FramesNeeded} frames, has {FramesAvailable} "
        + $"({Phones} phones + {Repeats} repeats)";
}

/// <summary>Utterances with identical samples, in files of any format.</summary>
/// <param name="Ids">The utterances, in the order of the corpus.</param>
/// <param name="Splits">Their splits; more than one means that validation data are also training data.</param>
public sealed record DuplicateAudio(IReadOnlyList<string> Ids, IReadOnlyList<string> Splits);

/// <summary>The property in which an utterance is an outlier.</summary>
public enum OutlierKind
{
    /// <summary>Length, in seconds.</summary>
    Length,

    /// <summary>Level: the root mean square of the samples, in dB relative to 1.</summary>
    Level,
}

/// <summary>An outlier by <see cref="CorpusValidation.OutlierRule"/>.</summary>
/// <param name="Id">The utterance.</param>
/// <param name="Kind">The property.</param>
/// <param name="Value">Seconds or dB; minus infinity for silence.</param>
/// <param name="Median">The median of the corpus.</param>
public sealed record Outlier(string Id, OutlierKind Kind, double Value, double Median);

/// <summary>A speaker of several splits, so that error rates are not those of unknown speakers.</summary>
/// <param name="Speaker">The speaker.</param>
/// <param name="Splits">The splits, in the order of the corpus.</param>
public sealed record SharedSpeaker(string Speaker, IReadOnlyList<string> Splits);

/// <summary>The problems of a corpus for training, found before training by <see cref="Run"/>.</summary>
/// <param name="Splits">The splits, in the order of the corpus.</param>
/// <param name="Skipped">The number of utterances that training skips.</param>
/// <param name="Unusable">
/// Files that cannot be read, and transcripts that are unusable for other reasons than unknown words.
/// </param>
/// <param name="UnknownWords">Words without pronunciation, in order of descending frequency.</param>
/// <param name="Infeasible">Utterances with too few frames for their phones.</param>
/// <param name="Duplicates">Utterances with identical samples.</param>
/// <param name="Outliers">Utterances of unusual length or level.</param>
/// <param name="SharedSpeakers">Speakers of several splits.</param>
public sealed partial record CorpusValidation(
    IReadOnlyList<SplitSummary> Splits,
    int Skipped,
    IReadOnlyList<SkippedUtterance> Unusable,
    IReadOnlyList<UnknownWord> UnknownWords,
    IReadOnlyList<InfeasibleUtterance> Infeasible,
    IReadOnlyList<DuplicateAudio> Duplicates,
    IReadOnlyList<Outlier> Outliers,
    IReadOnlyList<SharedSpeaker> SharedSpeakers
)
{
    /// <summary>The name of the split of a separate validation corpus.</summary>
    public const string DevCorpus = "dev corpus";

    /// <summary>The definition of an outlier, for people.</summary>
    public const string OutlierRule =
        "silent; or more than 3.5 robust standard deviations from the median in the logarithm of the length or in dB "
        + "of the level, and at least 8 times as long or short, or 15 dB off";
}
