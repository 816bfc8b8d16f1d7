namespace Hybrid.Core;

/// <summary>Utterances as the trainer sees them: features and labels, wherever they are kept.</summary>
public interface IDataset
{
    /// <summary>How many utterances.</summary>
    int Count { get; }

    /// <summary>Features per frame.</summary>
    int Features { get; }

    /// <summary>The utterance's name, unique in the set.</summary>
    string Id(int index);

    /// <summary>How many frames the utterance has.</summary>
    int Frames(int index);

    /// <summary>The labels: what the network is to put out, blanks aside.</summary>
    int[] Labels(int index);

    /// <summary>Copies the features, [frames, features], row-major. Called by several threads.</summary>
    void CopyFeatures(int index, Span<float> destination);
}

/// <summary>Utterances that can be had at several speeds.</summary>
public interface IVariedDataset : IDataset
{
    /// <summary>The same utterances, each at a speed that the generator draws from those there are.</summary>
    IDataset Drawn(CounterRandom random);
}

/// <summary>How utterances are put together.</summary>
/// <param name="Utterances">At most so many in a batch.</param>
/// <param name="Frames">At most so many frames in a batch, padding included; one longer utterance forms a batch alone.</param>
public sealed record BatchSize(int Utterances, int Frames)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public IEnumerable<string> Problems()
    {
        if (Utterances < 1)
            yield return $"utterances per batch is {Utterances}, must be at least 1";
        if (Frames < 1)
            yield return $"frames per batch is {Frames}, must be at least 1";
    }
}

/// <summary>Cuts a dataset into batches of utterances of similar length.</summary>
public static class BatchPlan
{
    /// <summary>The batches of one pass through the data in a random order that depends on nothing but the generator.</summary>
    /// <remarks>
    /// Lengths are blurred by a tenth before sorting: batches stay nearly rectangular, and neighbours change from epoch to epoch.
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

    /// <summary>The batches of one pass in order of length, for evaluation.</summary>
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

/// <summary>Utterances put together for the network.</summary>
/// <param name="Features">[T, B, features], zero beyond each utterance's length.</param>
/// <param name="Labels">The labels of each.</param>
/// <param name="Ids">The name of each.</param>
public sealed record LabelledBatch(Batch<float> Features, int[][] Labels, string[] Ids)
{
    /// <summary>Reads the named utterances of a dataset.</summary>
    public static LabelledBatch Read(IDataset data, int[] utterances, ThreadTeam team)
    {
        var lengths = Array.ConvertAll(utterances, data.Frames);
        var ids = Array.ConvertAll(utterances, data.Id);
        int T = lengths.Max(),
            B = utterances.Length,
            F = data.Features;
        var keys = Array.ConvertAll(ids, id => new CounterRandom(0).Fork(id).Key);
        var features = new Batch<float>(new float[T * B * F], T, B, F, lengths, keys);
        team.For(
            B,
            (data, utterances, features),
            static (in (IDataset Data, int[] Utterances, Batch<float> Features) s, int b) =>
            {
                int F = s.Features.F,
                    frames = s.Features.Lengths.Span[b];
                var own = new float[frames * F];
                s.Data.CopyFeatures(s.Utterances[b], own);
                for (var t = 0; t < frames; t++)
                    own.AsSpan(t * F, F).CopyTo(s.Features.Row(t, b));
            }
        );
        return new LabelledBatch(features, Array.ConvertAll(utterances, data.Labels), ids);
    }
}
