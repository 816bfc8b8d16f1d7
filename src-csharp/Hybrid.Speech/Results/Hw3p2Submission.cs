namespace Hybrid.Speech;

/// <summary>
/// Submission file of CMU 11-785 homework 3 part 2: a CSV with the columns <c>index,label</c>, one row per utterance in
/// the order of the corpus, numbered from 0, and one letter per phone. No letter needs quoting.
/// </summary>
public static class Hw3p2Submission
{
    /// <summary>Writes the file atomically.</summary>
    /// <param name="path">The file; its folder exists.</param>
    /// <param name="inventory">The phones with their letters.</param>
    /// <param name="results">
    /// Results in the order of the corpus; null for an utterance that could not be recognised, whose label is empty.
    /// </param>
    /// <param name="overwrite">Whether a file that Hybrid did not write may be replaced.</param>
    /// <exception cref="FormatException">A phone has no letter.</exception>
    /// <exception cref="ResultExistsException">The path has a file that must not be replaced.</exception>
    /// <exception cref="IOException">The disk is full or the path is not writable.</exception>
    public static void Write(
        string path,
        PhoneInventory inventory,
        IEnumerable<RecognitionResult?> results,
        bool overwrite = false
    ) =>
        ResultFile.Write(
            path,
            stream =>
            {
                using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
                writer.WriteLine("index,label");
                foreach (var (index, result) in results.Index())
                    writer.WriteLine($"{index},{Label(inventory, result)}");
            },
            overwrite
        );

    private static string Label(PhoneInventory inventory, RecognitionResult? result)
    {
        var phones = inventory.Labels(result?.Phones.Select(phone => phone.Label) ?? []);
        return string.Concat(phones.Select(inventory.Letter));
    }
}
