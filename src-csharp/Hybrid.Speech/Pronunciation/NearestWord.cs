using Hybrid.Core;

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
                if (EditDistance.DistanceUpTo<char>(distance, word, candidate) is not { } candidateDistance)
                    continue;
                if (candidateDistance < distance || nearest is null || string.CompareOrdinal(candidate, nearest) < 0)
                    (nearest, distance) = (candidate, candidateDistance);
            }
        }
        return nearest;
    }
}
