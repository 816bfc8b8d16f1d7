namespace Hybrid.Core;

/// <summary>One utterance of an evaluation.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Loss">Negative log-likelihood of the reference in nats; NaN where the reference does not fit its frames.</param>
/// <param name="Reference">The labels as given.</param>
/// <param name="Hypothesis">The labels as recognised.</param>
/// <param name="Alignment">One against the other.</param>
public sealed record UtteranceResult(
    string Id,
    double Loss,
    int[] Reference,
    int[] Hypothesis,
    EditAlignment Alignment
);

/// <summary>How well a network recognises a dataset.</summary>
/// <param name="Utterances">The results in the order of the dataset.</param>
public sealed record Evaluation(IReadOnlyList<UtteranceResult> Utterances)
{
    /// <summary>Mean over utterances of loss per label, in nats; utterances that do not fit their frames are left out.</summary>
    public double Loss { get; init; } =
        Utterances
            .Where(u => double.IsFinite(u.Loss))
            .Select(u => u.Loss / Math.Max(1, u.Reference.Length))
            .DefaultIfEmpty(double.NaN)
            .Average();

    /// <summary>Labels in all references.</summary>
    public int ReferenceLabels { get; } = Utterances.Sum(u => u.Reference.Length);

    /// <summary>Labels replaced.</summary>
    public int Substitutions { get; } = Utterances.Sum(u => u.Alignment.Substitutions);

    /// <summary>Reference labels missed.</summary>
    public int Deletions { get; } = Utterances.Sum(u => u.Alignment.Deletions);

    /// <summary>Labels put in.</summary>
    public int Insertions { get; } = Utterances.Sum(u => u.Alignment.Insertions);

    /// <summary>Phone error rate in percent: all errors over all reference labels.</summary>
    public double Per =>
        ReferenceLabels == 0 ? double.NaN : 100.0 * (Substitutions + Deletions + Insertions) / ReferenceLabels;

    /// <summary>Errors per utterance.</summary>
    public double AverageDistance =>
        Utterances.Count == 0 ? double.NaN : (double)(Substitutions + Deletions + Insertions) / Utterances.Count;

    /// <summary>Pairs of reference and hypothesis label taken for each other, most frequent first.</summary>
    public IReadOnlyList<(int Reference, int Hypothesis, int Count)> Confusions() =>
        [
            .. ConfusionMatrix()
                .Errors.Where(pair =>
                    pair.Reference != Core.ConfusionMatrix.None && pair.Hypothesis != Core.ConfusionMatrix.None
                ),
        ];

    /// <summary>What was taken for what in all utterances together, labels missed and put in included.</summary>
    public ConfusionMatrix ConfusionMatrix()
    {
        var table = new ConfusionMatrix();
        foreach (var utterance in Utterances)
            table.Add(utterance.Reference, utterance.Hypothesis, utterance.Alignment);
        return table;
    }

    /// <summary>Runs a network over a dataset.</summary>
    /// <param name="network">The network, in evaluation mode.</param>
    /// <param name="data">What to recognise, with references.</param>
    /// <param name="batch">How utterances are put together; the results do not depend on it.</param>
    /// <param name="decode">Log probabilities to hypothesis.</param>
    /// <param name="workspace">Memory and threads.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static Evaluation Run(
        Network<float> network,
        IDataset data,
        BatchSize batch,
        Func<LogProbs, Hypothesis> decode,
        Workspace workspace,
        CancellationToken cancellation = default
    )
    {
        var loss = new CtcLoss(reduction: CtcReduction.Sum, policy: InfeasiblePolicy.Skip);
        var results = new UtteranceResult[data.Count];
        foreach (var utterances in BatchPlan.Sorted(data, batch))
        {
            cancellation.ThrowIfCancellationRequested();
            workspace.Reset();
            var input = LabelledBatch.Read(data, utterances, workspace.Team);
            var logits = network.Forward(input.Features, new Pass(workspace));
            var losses = loss.Compute(logits, input.Labels, workspace, input.Ids).Losses;
            workspace.Team.For(
                utterances.Length,
                (utterances, input, logits, losses, decode, results),
                static (
                    in (
                        int[] Utterances,
                        LabelledBatch Input,
                        Batch<float> Logits,
                        Memory<double> Losses,
                        Func<LogProbs, Hypothesis> Decode,
                        UtteranceResult[] Results
                    ) s,
                    int b
                ) =>
                {
                    var (reference, hypothesis) = (
                        s.Input.Labels[b],
                        s.Decode(LogProbs.FromLogits(s.Logits, b)).Symbols
                    );
                    s.Results[s.Utterances[b]] = new UtteranceResult(
                        s.Input.Ids[b],
                        s.Losses.Span[b],
                        reference,
                        hypothesis,
                        EditDistance.Align(reference, hypothesis)
                    );
                }
            );
        }
        return new Evaluation(results);
    }
}
