using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Errors of an evaluation by phone, kind of phone, speaker, length and corpus, and the best and worst utterances, as
/// Markdown tables.
/// </summary>
public static class ErrorAnalysis
{
    private const int ConfusionsShown = 4,
        UtterancesShown = 10,
        WordsShown = 60;

    // The fewest reference phones of each group of lengths.
    private static readonly int[] Lengths = [0, 20, 40, 80, 120];

    private static string[] PhoneColumns => ["reference", "substituted", "deleted", "inserted", "PER %"];

    private static string[] GroupColumns => ["phones", "substitutions", "deletions", "insertions", "PER %"];

    /// <summary>The tables.</summary>
    /// <remarks>
    /// The errors of a phone are its reference positions that were deleted or substituted, and the positions where it
    /// was inserted. Rates are in percent of reference phones, NaN without any. Names and words are escaped for
    /// Markdown.
    /// </remarks>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="inventory">The names of the symbols.</param>
    /// <param name="utterances">The evaluated utterances, for speakers, corpora and words; others are ignored.</param>
    public static string Markdown(Evaluation evaluation, PhoneInventory inventory, IReadOnlyList<Utterance> utterances)
    {
        var known = utterances.ToDictionary(utterance => utterance.Id);
        var text = new StringBuilder();
        WritePhones(text, Phones(evaluation.ConfusionMatrix(), inventory));
        WriteGroups(text, "speaker", evaluation, result => known[result.Id].Speaker);
        WriteGroups(text, "phones of the utterance", evaluation, result => LengthName(result.Reference.Length));
        WriteGroups(text, "corpus", evaluation, result => known[result.Id].Corpus);
        WriteUtterances(text, evaluation, id => known[id].Text ?? "");
        return text.ToString();
    }

    private static void WritePhones(StringBuilder text, List<PhoneErrors> phones)
    {
        WriteTable(
            text,
            "By kind of phone",
            ["kind", .. PhoneColumns],
            phones
                .GroupBy(phone => phone.Kind)
                .Select(kind => (kind.Key, Sum: kind.Aggregate((sum, phone) => sum.Plus(phone))))
                .OrderByDescending(kind => kind.Sum.Per)
                .Select(kind => Row(kind.Key, kind.Sum))
        );
        WriteTable(
            text,
            "By phone",
            ["phone", .. PhoneColumns, "recognised as (times)"],
            phones
                .OrderByDescending(phone => phone.Per)
                .Select(phone => (string[])[.. Row(phone.Name, phone), phone.Confusions])
        );
    }

    private static List<PhoneErrors> Phones(ConfusionMatrix matrix, PhoneInventory inventory)
    {
        const int none = ConfusionMatrix.None;
        var phones = new List<PhoneErrors>();
        for (var v = 1; v < inventory.Count; v++)
        {
            var errors = matrix.Errors.Where(error => error.Reference == v && error.Hypothesis != none).ToList();
            var (substituted, deleted) = (errors.Sum(error => error.Count), matrix[v, none]);
            var confusions = errors
                .Take(ConfusionsShown)
                .Select(error => $"{inventory.Symbols[error.Hypothesis]} {error.Count}");
            var phone = new PhoneErrors(
                inventory.Symbols[v],
                matrix[v, v] + substituted + deleted,
                substituted,
                deleted,
                matrix[none, v],
                string.Join(", ", confusions)
            );
            if (phone.Reference + phone.Inserted > 0)
                phones.Add(phone);
        }
        return phones;
    }

    private static void WriteGroups(
        StringBuilder text,
        string name,
        Evaluation evaluation,
        Func<UtteranceResult, string> key
    ) =>
        WriteTable(
            text,
            $"By {name}",
            [name, "utterances", .. GroupColumns],
            evaluation
                .Utterances.GroupBy(key)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group =>
                {
                    var part = new Evaluation([.. group]);
                    return (string[])[group.Key, $"{part.Utterances.Count}", .. Counts(part)];
                })
        );

    private static void WriteUtterances(StringBuilder text, Evaluation evaluation, Func<string, string> words)
    {
        var ranked = evaluation.Utterances.OrderBy(Rate).ThenByDescending(result => result.Reference.Length).ToList();
        string[] columns = ["utterance", .. GroupColumns, "words"];
        WriteTable(text, "Best utterances", columns, ranked.Take(UtterancesShown).Select(Cells));
        WriteTable(text, "Worst utterances", columns, Enumerable.Reverse(ranked).Take(UtterancesShown).Select(Cells));

        string[] Cells(UtteranceResult result) =>
            [result.Id, .. Counts(new Evaluation([result])), Shortened(words(result.Id))];
    }

    private static string[] Counts(Evaluation part) =>
        [
            $"{part.ReferenceLabels}",
            $"{part.Substitutions}",
            $"{part.Deletions}",
            $"{part.Insertions}",
            Percent(part.Per),
        ];

    private static string[] Row(string name, PhoneErrors phone) =>
        [
            name,
            $"{phone.Reference}",
            $"{phone.Substituted}",
            $"{phone.Deleted}",
            $"{phone.Inserted}",
            Percent(phone.Per),
        ];

    private static double Rate(UtteranceResult result) =>
        (double)result.Alignment.Distance / Math.Max(1, result.Reference.Length);

    private static string LengthName(int phones)
    {
        var i = Array.FindLastIndex(Lengths, fewest => fewest <= phones);
        return i + 1 < Lengths.Length ? $"{Lengths[i], 3} to {Lengths[i + 1] - 1}" : $"{Lengths[i], 3} and more";
    }

    private static string Percent(double per) => per.ToString("F2", CultureInfo.InvariantCulture);

    private static string Shortened(string words)
    {
        if (words.Length <= WordsShown)
            return words;
        var end = char.IsHighSurrogate(words[WordsShown - 1]) ? WordsShown - 1 : WordsShown;
        return words[..end] + "...";
    }

    private static void WriteTable(StringBuilder text, string title, string[] columns, IEnumerable<string[]> rows)
    {
        text.Append(CultureInfo.InvariantCulture, $"### {title}\n\n");
        WriteRow(text, columns);
        WriteRow(text, columns.Select(_ => "---"));
        foreach (var row in rows)
            WriteRow(text, row.Select(MarkdownText.Cell));
        text.Append('\n');
    }

    private static void WriteRow(StringBuilder text, IEnumerable<string> cells) =>
        text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    /// <summary>Errors of one phone, or of several.</summary>
    private sealed record PhoneErrors(
        string Name,
        int Reference,
        int Substituted,
        int Deleted,
        int Inserted,
        string Confusions
    )
    {
        public double Per => 100.0 * (Substituted + Deleted + Inserted) / Reference;

        public string Kind => PhoneClasses.Of(Name).ToString().ToLowerInvariant();

        public PhoneErrors Plus(PhoneErrors other) =>
            this with
            {
                Reference = Reference + other.Reference,
                Substituted = Substituted + other.Substituted,
                Deleted = Deleted + other.Deleted,
                Inserted = Inserted + other.Inserted,
            };
    }
}
