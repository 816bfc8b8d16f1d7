namespace Hybrid.Core;

/// <summary>Limits of a batch.</summary>
/// <param name="Utterances">Maximum number of utterances.</param>
/// <param name="Frames">
/// Maximum number of frames, padding included; a longer utterance forms a batch of its own.
/// </param>
public sealed record BatchSize(int Utterances, int Frames)
{
    /// <summary>Invalid settings; each a phrase with the setting, its value and the bound.</summary>
    public IEnumerable<string> Problems()
    {
        if (Utterances < 1)
            yield return $"utterances per batch is {Utterances}, must be at least 1";
        if (Frames < 1)
            yield return $"frames per batch is {Frames}, must be at least 1";
    }
}

/// <summary>Partition of a dataset into batches of utterances of similar length, as indices into the dataset.</summary>
public static class BatchPlan
{
    /// <summary>The batches of one epoch in random order, determined by the generator.</summary>
    /// <remarks>
    /// Utterances are sorted by length after a random change of up to 5 %: batches have little padding, and their
    /// members change from epoch to epoch.
    /// </remarks>
    public static IReadOnlyList<int[]> Shuffled(IDataset data, BatchSize size, CounterRandom random)
    {
        var stream = random.Stream();
        var blurred = Enumerable
            .Range(0, data.Count)
            .Select(i => data.Frames(i) * stream.Uniform(0.95, 1.05))
            .ToArray();
        var batches = Cut(data, size, Enumerable.Range(0, data.Count).OrderBy(i => blurred[i]));
        stream.Shuffle(batches);
        return batches;
    }

    /// <summary>The batches in order of length, for evaluation.</summary>
    public static IReadOnlyList<int[]> Sorted(IDataset data, BatchSize size) =>
        Cut(data, size, Enumerable.Range(0, data.Count).OrderBy(data.Frames));

    private static List<int[]> Cut(IDataset data, BatchSize size, IEnumerable<int> order)
    {
        var batches = new List<int[]>();
        var batch = new List<int>();
        var longest = 0;
        foreach (var i in order)
        {
            longest = Math.Max(longest, data.Frames(i));
            if (batch.Count > 0 && (batch.Count == size.Utterances || (long)longest * (batch.Count + 1) > size.Frames))
                Close(data.Frames(i));
            batch.Add(i);
        }
        if (batch.Count > 0)
            Close(0);
        return batches;

        void Close(int next)
        {
            // Longest first: recurrent layers then drop finished utterances from the end.
            batches.Add([.. batch.OrderByDescending(data.Frames).ThenBy(i => i)]);
            batch.Clear();
            longest = next;
        }
    }
}
