using System.Globalization;

namespace Hybrid.Core;

/// <summary>A batch of utterances with their labels.</summary>
/// <param name="Features">[T, B, features], zero beyond the length of each utterance.</param>
/// <param name="Labels">[B], target labels of each utterance.</param>
/// <param name="Ids">[B], name of each utterance.</param>
public sealed record LabelledBatch(Batch<float> Features, int[][] Labels, string[] Ids)
{
    /// <summary>Reads utterances of a dataset.</summary>
    /// <param name="data">The dataset.</param>
    /// <param name="utterances">Indices into it.</param>
    /// <param name="team">Threads that share the work.</param>
    /// <exception cref="InvalidDataException">
    /// A feature is NaN or infinite; the message names utterance and frame.
    /// </exception>
    public static LabelledBatch Read(IDataset data, int[] utterances, ThreadTeam team)
    {
        var lengths = Array.ConvertAll(utterances, data.Frames);
        var ids = Array.ConvertAll(utterances, data.Id);
        int T = lengths.Max(),
            B = utterances.Length,
            F = data.Features;
        var keys = Array.ConvertAll(ids, id => new CounterRandom(0).Fork(id).Key);
        var features = new Batch<float>(new float[T * B * F], T, B, F, lengths, keys);
        var batch = new LabelledBatch(features, Array.ConvertAll(utterances, data.Labels), ids);
        team.For(B, new ReadJob(data, utterances, batch));
        return batch;
    }

    /// <summary>Refuses features that are not finite.</summary>
    /// <exception cref="InvalidDataException">
    /// A feature is NaN or infinite; the message names utterance and frame.
    /// </exception>
    internal void RequireFinite()
    {
        for (var b = 0; b < Features.B; b++)
            RequireFinite(b);
    }

    private void RequireFinite(int b)
    {
        for (var t = 0; t < Features.Lengths.Span[b]; t++)
            foreach (var value in Features.Row(t, b))
                if (!float.IsFinite(value))
                    throw new InvalidDataException(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"utterance {Quoted.Unless(Ids[b])}: a feature of frame {t} (from 0) is {value}; "
                        ) + "repair the features or leave the utterance out"
                    );
    }

    private readonly record struct ReadJob(IDataset Data, int[] Utterances, LabelledBatch Batch) : ITeamJob
    {
        public void Run(int b)
        {
            var features = Batch.Features;
            int F = features.F,
                frames = features.Lengths.Span[b];
            var contiguous = new float[frames * F];
            Data.CopyFeatures(Utterances[b], contiguous);
            for (var t = 0; t < frames; t++)
                contiguous.AsSpan(t * F, F).CopyTo(features.Row(t, b));
            Batch.RequireFinite(b);
        }
    }
}
