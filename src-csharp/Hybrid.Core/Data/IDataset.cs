namespace Hybrid.Core;

/// <summary>Utterances for training and evaluation: features and labels, from memory or any other storage.</summary>
public interface IDataset
{
    /// <summary>Number of utterances.</summary>
    int Count { get; }

    /// <summary>Features per frame.</summary>
    int Features { get; }

    /// <summary>Name of an utterance, unique in the dataset.</summary>
    string Id(int index);

    /// <summary>Frames of an utterance.</summary>
    int Frames(int index);

    /// <summary>Target labels of an utterance, without blanks.</summary>
    int[] Labels(int index);

    /// <summary>Copies the features of an utterance, [frames, features], row-major. Must be thread-safe.</summary>
    void CopyFeatures(int index, Span<float> destination);
}

/// <summary>A dataset with speed perturbation: every utterance is available at several speeds.</summary>
public interface IVariedDataset : IDataset
{
    /// <summary>The same utterances, each at a speed drawn by the generator.</summary>
    IDataset Drawn(CounterRandom random);
}
