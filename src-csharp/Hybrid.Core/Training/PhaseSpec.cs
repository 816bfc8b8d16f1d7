namespace Hybrid.Core;

/// <summary>
/// Training objective. Both are minimised with <see cref="CtcReduction.MeanPerLabel"/>: the loss of each utterance is
/// divided by its number of labels, and the mean is taken over the feasible utterances of the batch.
/// </summary>
public enum TrainingLoss
{
    /// <summary>CTC over all alignments, <see cref="CtcLoss"/>.</summary>
    Ctc,

    /// <summary>CTC of the single best alignment, <see cref="ViterbiLoss"/>.</summary>
    Viterbi,
}

/// <summary>A phase of a training, with the settings in which it differs from the whole.</summary>
/// <param name="Name">Name for messages.</param>
/// <param name="Epochs">Length; phases share the epochs of the training in proportion to it.</param>
/// <param name="Loss">Training objective.</param>
/// <param name="LearningRate">
/// Schedule from the start to the end of the phase; the training's schedule continues if null.
/// </param>
/// <param name="Augmentation">Masks of the phase; those of the training if null, none if their widths are 0.</param>
/// <param name="Frozen">
/// Paths of frozen layers, such as <c>encoder</c> or <c>decoder.2</c>: their weights and running statistics do not
/// change, dropout and masks among them are inactive. None if null.
/// </param>
public sealed record PhaseSpec(
    string Name,
    int Epochs,
    TrainingLoss Loss,
    LearningRateSchedule? LearningRate = null,
    SpecAugmentSpec? Augmentation = null,
    IReadOnlyList<string>? Frozen = null
)
{
    /// <summary>Invalid settings; each a phrase with the phase, the setting, its value and the bound.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (
            var problem in NumberProblems
                .AtLeast(1, Epochs, "number of epochs", TrainingSpec.MostEpochs)
                .Concat(LearningRate?.Problems() ?? [])
                .Concat(Augmentation?.Problems(int.MaxValue) ?? [])
        )
            yield return Named(problem);
        if (!Enum.IsDefined(Loss))
            yield return Named($"loss {(int)Loss} does not exist");
    }

    /// <summary>A problem, preceded by the phase.</summary>
    internal string Named(string problem) => $"phase {Quoted.Text(Name)}: {problem}";
}
