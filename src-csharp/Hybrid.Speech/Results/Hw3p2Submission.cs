using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// What CMU 11-785 homework 3 part 2 takes as an answer: a CSV of the columns <c>index,label</c> with a row per utterance of the
/// part that is to be recognised, numbered from 0 in the order of the corpus, and a letter per phone.
/// </summary>
public static class Hw3p2Submission
{
    /// <summary>Writes the file as a whole or not at all.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="inventory">The phones with their letters.</param>
    /// <param name="results">What was recognised, in the order of the corpus; null for what could not be, whose label stays empty.</param>
    /// <exception cref="FormatException">A phone has no letter.</exception>
    /// <exception cref="IOException">The disk is full or the place is not writable.</exception>
    public static void Write(string path, PhoneInventory inventory, IEnumerable<RecognitionResult?> results)
    {
        var labels = results.Select(result =>
            string.Concat(inventory.Labels(result?.Phones.Select(phone => phone.Label) ?? []).Select(inventory.Letter))
        );
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine("index,label");
            foreach (var (index, label) in labels.Index())
                writer.WriteLine($"{index},{label}");
        });
    }
}
