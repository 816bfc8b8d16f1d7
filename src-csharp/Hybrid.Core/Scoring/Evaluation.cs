using System.Globalization;

namespace Hybrid.Core;

/// <summary>The result of one utterance of an evaluation.</summary>
/// <param name="Id">The utterance's name.</param>
/// <param name="Loss">
/// Negative log-likelihood of the reference in nats; NaN if the reference needs more frames than there are.
/// </param>
/// <param name="Reference">The reference labels.</param>
/// <param name="Hypothesis">The recognised labels.</param>
/// <param name="Alignment">The alignment of reference and hypothesis.</param>
public sealed record UtteranceResult(
    string Id,
    double Loss,
    int[] Reference,
    int[] Hypothesis,
    EditAlignment Alignment
);

/// <summary>The results of a network on a dataset, and the error measures over all utterances.</summary>
/// <param name="Utterances">The results in the order of the dataset.</param>
public sealed record Evaluation(IReadOnlyList<UtteranceResult> Utterances)
{
    /// <summary>
    /// Mean over utterances of the loss per label, in nats; infeasible utterances are skipped. NaN if there are no
    /// others.
    /// </summary>
    public double Loss { get; init; } =
        Utterances
            .Where(u => double.IsFinite(u.Loss))
            .Select(u => u.Loss / Math.Max(1, u.Reference.Length))
            .DefaultIfEmpty(double.NaN)
            .Average();

    /// <summary>Number of labels in all references.</summary>
    public int ReferenceLabels { get; } = Utterances.Sum(u => u.Reference.Length);

    /// <summary>Number of substitutions.</summary>
    public int Substitutions { get; } = Utterances.Sum(u => u.Alignment.Substitutions);

    /// <summary>Number of deletions.</summary>
    public int Deletions { get; } = Utterances.Sum(u => u.Alignment.Deletions);

    /// <summary>Number of insertions.</summary>
    public int Insertions { get; } = Utterances.Sum(u => u.Alignment.Insertions);

    /// <summary>
    /// Phone error rate in percent: all errors divided by all reference labels; NaN without reference labels.
    /// </summary>
    public double Per =>
        ReferenceLabels == 0 ? double.NaN : 100.0 * (Substitutions + Deletions + Insertions) / ReferenceLabels;

    /// <summary>Average Levenshtein distance: errors per utterance; NaN without utterances.</summary>
    public double AverageDistance =>
        Utterances.Count == 0 ? double.NaN : (double)(Substitutions + Deletions + Insertions) / Utterances.Count;

    /// <summary>Phone error rate, counts of each kind of error, and errors per utterance.</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"PER {Per:F2} % of {ReferenceLabels} phones in {Utterances.Count} utterances ({Substitutions} "
                + $"substitutions, {Deletions} deletions, {Insertions} insertions), {AverageDistance:F2} errors per "
                + $"utterance"
        );

    /// <summary>Substitutions by pair of reference and hypothesis label, in descending order of frequency.</summary>
    public IReadOnlyList<(int Reference, int Hypothesis, int Count)> Confusions() =>
        [
            .. ConfusionMatrix()
                .Errors.Where(pair =>
                    pair.Reference != Core.ConfusionMatrix.None && pair.Hypothesis != Core.ConfusionMatrix.None
                ),
        ];

    /// <summary>The confusion matrix of all utterances, deletions and insertions included.</summary>
    public ConfusionMatrix ConfusionMatrix()
    {
        var matrix = new ConfusionMatrix();
        foreach (var utterance in Utterances)
            matrix.Add(utterance.Reference, utterance.Hypothesis, utterance.Alignment);
        return matrix;
    }

    /// <summary>Evaluates a network on a dataset; the results do not depend on batches or threads.</summary>
    /// <param name="network">The network; it runs in evaluation mode.</param>
    /// <param name="data">Utterances with reference labels.</param>
    /// <param name="batch">The size of a batch.</param>
    /// <param name="decode">Decodes one utterance; called by several threads.</param>
    /// <param name="workspace">Memory and threads.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <param name="progress">Receives the number of utterances that are done, after each batch.</param>
    /// <exception cref="OperationCanceledException">The evaluation was cancelled.</exception>
    public static Evaluation Run(
        Network<float> network,
        IDataset data,
        BatchSize batch,
        Func<LogProbs, Hypothesis> decode,
        Workspace workspace,
        CancellationToken cancellation = default,
        IProgress<int>? progress = null
    )
    {
        var done = 0;
        var loss = new CtcLoss(reduction: CtcReduction.Sum, policy: InfeasiblePolicy.Skip);
        var results = new UtteranceResult[data.Count];
        foreach (var utterances in BatchPlan.Sorted(data, batch))
        {
            cancellation.ThrowIfCancellationRequested();
            workspace.Reset();
            var input = LabelledBatch.Read(data, utterances, workspace.Team);
            var logits = network.Forward(input.Features, new Pass(workspace));
            var losses = loss.Compute(logits, input.Labels, workspace, input.Ids).Losses;
            var job = new BatchJob(utterances, input, logits, losses, decode, results);
            workspace.Team.For(utterances.Length, job, static (in BatchJob job, int b) => job.Run(b));
            progress?.Report(done += utterances.Length);
        }
        return new Evaluation(results);
    }

    /// <summary>Decoding and scoring of the utterances of a batch.</summary>
    /// <param name="Utterances">Their indices in the dataset.</param>
    /// <param name="Input">Their labels and names.</param>
    /// <param name="Logits">[T, B, V].</param>
    /// <param name="Losses">[B].</param>
    /// <param name="Decode">The decoder.</param>
    /// <param name="Results">The results of the dataset.</param>
    private readonly record struct BatchJob(
        int[] Utterances,
        LabelledBatch Input,
        Batch<float> Logits,
        Memory<double> Losses,
        Func<LogProbs, Hypothesis> Decode,
        UtteranceResult[] Results
    )
    {
        public void Run(int b)
        {
            var (reference, hypothesis) = (Input.Labels[b], Decode(LogProbs.FromLogits(Logits, b)).Symbols);
            Results[Utterances[b]] = new UtteranceResult(
                Input.Ids[b],
                Losses.Span[b],
                reference,
                hypothesis,
                EditDistance.Align(reference, hypothesis)
            );
        }
    }
}
