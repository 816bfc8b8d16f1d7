using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Words as training data for letters to phones: a frame is a letter, one-hot over the alphabet; the labels are the
/// phones of one pronunciation.
/// </summary>
/// <param name="alphabet">The letters.</param>
/// <param name="items">Name, spelling of letters of the alphabet, and labels of each pronunciation.</param>
internal sealed class LetterDataset(string alphabet, IReadOnlyList<LetterDataset.Item> items) : IDataset
{
    /// <inheritdoc/>
    public int Count => items.Count;

    /// <inheritdoc/>
    public int Features => alphabet.Length;

    /// <inheritdoc/>
    public string Id(int index) => items[index].Id;

    /// <inheritdoc/>
    public int Frames(int index) => items[index].Spelling.Length;

    /// <inheritdoc/>
    public int[] Labels(int index) => items[index].Labels;

    /// <inheritdoc/>
    public void CopyFeatures(int index, Span<float> destination) =>
        Encode(alphabet, items[index].Spelling, destination);

    /// <summary>The features of a word, [letters, alphabet].</summary>
    internal static void Encode(string alphabet, string spelling, Span<float> destination)
    {
        destination.Clear();
        for (var t = 0; t < spelling.Length; t++)
            destination[t * alphabet.Length + alphabet.IndexOf(spelling[t])] = 1;
    }

    /// <summary>One pronunciation of a word.</summary>
    /// <param name="Id">A name, unique in the dataset.</param>
    /// <param name="Spelling">Letters of the alphabet.</param>
    /// <param name="Labels">Labels of the phones.</param>
    internal readonly record struct Item(string Id, string Spelling, int[] Labels);
}
