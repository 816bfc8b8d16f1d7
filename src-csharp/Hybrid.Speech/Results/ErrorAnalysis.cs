using System.Globalization;
using System.Text;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Where a model errs: the figures of an evaluation by phone, kind of phone, speaker, length and corpus, as Markdown tables.</summary>
public static class ErrorAnalysis
{
    private const int ConfusionsShown = 4,
        UtterancesShown = 10,
        WordsShown = 60;

    // The fewest reference phones of each group of lengths.
    private static readonly int[] Lengths = [0, 20, 40, 80, 120];

    /// <summary>
    /// The tables. Errors of a phone: its places in the references that were missed or taken for another, and where it was put
    /// in. Rates are in percent of reference phones, NaN where there are none.
    /// </summary>
    /// <param name="evaluation">What was measured.</param>
    /// <param name="inventory">The names of the symbols.</param>
    /// <param name="utterances">Where speakers, corpora and words are looked up; those evaluated, and others.</param>
    public static string Markdown(Evaluation evaluation, PhoneInventory inventory, IReadOnlyList<Utterance> utterances)
    {
        var known = utterances.ToDictionary(utterance => utterance.Id);
        var phones = Phones(evaluation.ConfusionMatrix(), inventory);
        var ranked = evaluation.Utterances.OrderBy(Rate).ThenByDescending(result => result.Reference.Length).ToList();
        var text = new StringBuilder();
        Table(
            text,
            "By kind of phone",
            ["kind", .. PhoneColumns],
            phones
                .GroupBy(phone => phone.Kind)
                .Select(kind => (kind.Key, Sum: kind.Aggregate((sum, phone) => sum.Plus(phone))))
                .OrderByDescending(kind => kind.Sum.Per)
                .Select(kind => Row(kind.Key, kind.Sum))
        );
        Table(
            text,
            "By phone",
            ["phone", .. PhoneColumns, "taken for (times)"],
            phones
                .OrderByDescending(phone => phone.Per)
                .Select(phone => (string[])[.. Row(phone.Name, phone), phone.Confusions])
        );
        Groups(text, "speaker", evaluation, result => known[result.Id].Speaker);
        Groups(text, "phones of the utterance", evaluation, result => LengthName(result.Reference.Length));
        Groups(text, "corpus", evaluation, result => known[result.Id].Corpus);
        string[] Place(UtteranceResult result) =>
            [result.Id, .. Counts(new Evaluation([result])), Shortened(known[result.Id].Text ?? "")];
        string[] columns = ["utterance", .. GroupColumns, "words"];
        Table(text, "Best utterances", columns, ranked.Take(UtterancesShown).Select(Place));
        Table(text, "Worst utterances", columns, Enumerable.Reverse(ranked).Take(UtterancesShown).Select(Place));
        return text.ToString();
    }

    private static string[] PhoneColumns => ["reference", "substituted", "missed", "put in", "PER %"];

    private static string[] GroupColumns => ["phones", "substitutions", "deletions", "insertions", "PER %"];

    private static List<PhoneFigures> Phones(ConfusionMatrix table, PhoneInventory inventory)
    {
        const int nothing = ConfusionMatrix.None;
        var figures = new List<PhoneFigures>();
        for (var v = 1; v < inventory.Count; v++)
        {
            var errors = table.Errors.Where(error => error.Reference == v && error.Hypothesis != nothing).ToList();
            var (substituted, missed) = (errors.Sum(error => error.Count), table[v, nothing]);
            var confusions = errors
                .Take(ConfusionsShown)
                .Select(error => $"{inventory.Symbols[error.Hypothesis]} {error.Count}");
            var phone = new PhoneFigures(
                inventory.Symbols[v],
                table[v, v] + substituted + missed,
                substituted,
                missed,
                table[nothing, v],
                string.Join(", ", confusions)
            );
            if (phone.Reference + phone.PutIn > 0)
                figures.Add(phone);
        }
        return figures;
    }

    private static void Groups(
        StringBuilder text,
        string name,
        Evaluation evaluation,
        Func<UtteranceResult, string> key
    ) =>
        Table(
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

    private static string[] Counts(Evaluation part) =>
        [
            $"{part.ReferenceLabels}",
            $"{part.Substitutions}",
            $"{part.Deletions}",
            $"{part.Insertions}",
            Percent(part.Per),
        ];

    private static string[] Row(string name, PhoneFigures phone) =>
        [name, $"{phone.Reference}", $"{phone.Substituted}", $"{phone.Missed}", $"{phone.PutIn}", Percent(phone.Per)];

    private static double Rate(UtteranceResult result) =>
        (double)result.Alignment.Distance / Math.Max(1, result.Reference.Length);

    private static string LengthName(int phones)
    {
        var i = Array.FindLastIndex(Lengths, fewest => fewest <= phones);
        return i + 1 < Lengths.Length ? $"{Lengths[i], 3} to {Lengths[i + 1] - 1}" : $"{Lengths[i], 3} and more";
    }

    private static string Percent(double per) => per.ToString("F2", CultureInfo.InvariantCulture);

    private static string Shortened(string words) => words.Length <= WordsShown ? words : words[..WordsShown] + "...";

    private static void Table(StringBuilder text, string title, string[] columns, IEnumerable<string[]> rows)
    {
        void Line(IEnumerable<string> cells) =>
            text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Trim().Replace("|", "\\|"))).Append(" |\n");
        text.Append($"### {title}\n\n");
        Line(columns);
        Line(columns.Select(_ => "---"));
        foreach (var row in rows)
            Line(row);
        text.Append('\n');
    }

    private sealed record PhoneFigures(
        string Name,
        int Reference,
        int Substituted,
        int Missed,
        int PutIn,
        string Confusions
    )
    {
        public double Per => 100.0 * (Substituted + Missed + PutIn) / Reference;

        public string Kind => PhoneClasses.Of(Name).ToString().ToLowerInvariant();

        public PhoneFigures Plus(PhoneFigures other) =>
            this with
            {
                Reference = Reference + other.Reference,
                Substituted = Substituted + other.Substituted,
                Missed = Missed + other.Missed,
                PutIn = PutIn + other.PutIn,
            };
    }
}
