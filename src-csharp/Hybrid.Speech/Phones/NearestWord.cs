namespace Hybrid.Speech;

/// <summary>Finds the known word with the most similar spelling. Safe for use by several threads.</summary>
/// <param name="words">The known words.</param>
internal sealed class NearestWord(IEnumerable<string> words)
{
    private readonly (int Length, string[] Words)[] byLength =
    [
        .. words.Distinct().GroupBy(word => word.Length).Select(group => (group.Key, group.ToArray())),
    ];

    /// <summary>
    /// The word at the smallest Levenshtein distance, the first in ordinal order of several; null if every word differs
    /// in more than half of the letters.
    /// </summary>
    /// <param name="word">The unknown word, in the case of the known ones.</param>
    public string? Find(string word)
    {
        string? nearest = null;
        var distance = Math.Max(1, word.Length / 2);
        // The difference of the lengths is a lower bound of the distance, so that most words are never compared.
        foreach (var (length, words) in byLength.OrderBy(group => Math.Abs(group.Length - word.Length)))
        {
            if (Math.Abs(length - word.Length) > distance)
                break;
            foreach (var candidate in words)
            {
                if (DistanceUpTo(distance, word, candidate) is not { } own)
                    continue;
                if (own < distance || nearest is null || string.CompareOrdinal(candidate, nearest) < 0)
                    (nearest, distance) = (candidate, own);
            }
        }
        return nearest;
    }

    /// <summary>
    /// The Levenshtein distance (Wagner and Fischer 1974), by rows; null as soon as it exceeds the limit.
    /// </summary>
    private static int? DistanceUpTo(int limit, string a, string b)
    {
        Span<int> row = b.Length < 128 ? stackalloc int[b.Length + 1] : new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
            row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var (diagonal, smallest) = (row[0], row[0] = i);
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(diagonal + (a[i - 1] == b[j - 1] ? 0 : 1), 1 + Math.Min(row[j], row[j - 1]));
                (diagonal, row[j]) = (row[j], cost);
                smallest = Math.Min(smallest, cost);
            }
            if (smallest > limit)
                return null;
        }
        return row[b.Length] <= limit ? row[b.Length] : null;
    }
}
