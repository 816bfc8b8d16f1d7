using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Which phones count as the same when results are compared, and which do not count: a table, read from text. A figure means
/// something only together with the fold it was computed with.
/// </summary>
public sealed class Fold
{
    private readonly Dictionary<string, string?> targets;

    private Fold(string name, Dictionary<string, string?> targets)
    {
        (Name, this.targets) = (name, targets);
        Inventory = new PhoneInventory(targets.Values.OfType<string>().Distinct());
    }

    /// <summary>The names of the folds that come with Hybrid.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } = ["arpabet-39", "timit-39"];

    /// <summary>Its name, for reports.</summary>
    public string Name { get; }

    /// <summary>The phones that are left.</summary>
    public PhoneInventory Inventory { get; }

    /// <summary>A fold by its name, <c>arpabet-39</c> (CMUdict's phones without silence) or <c>timit-39</c> (61 to 39), or of a file.</summary>
    /// <exception cref="FormatException">A line is malformed; the message names file and line.</exception>
    /// <exception cref="IOException">There is neither such a fold nor such a file.</exception>
    public static Fold Find(string nameOrFile)
    {
        if (BuiltIn.Contains(nameOrFile))
        {
            using var stream = typeof(Fold).Assembly.GetManifestResourceStream(
                $"Hybrid.Speech.Phones.folds.{nameOrFile}.txt"
            ) ?? throw new InvalidOperationException($"the fold {nameOrFile} is missing from Hybrid.Speech.dll");
            using var builtIn = new StreamReader(stream);
            return Read(nameOrFile, builtIn);
        }
        if (!File.Exists(nameOrFile))
            throw new FileNotFoundException(
                $"there is no fold and no file named {nameOrFile}; folds are {string.Join(", ", BuiltIn)}"
            );
        using var file = File.OpenText(nameOrFile);
        try
        {
            return Read(Path.GetFileNameWithoutExtension(nameOrFile), file);
        }
        catch (FormatException error)
        {
            throw new FormatException($"{nameOrFile}, {error.Message}", error);
        }
    }

    /// <summary>
    /// Reads lines of a phone and what it becomes; of several columns, such as Kaldi's 61, 48 and 39, the last counts. A phone alone is removed.
    /// Lines that begin with # are comments.
    /// </summary>
    /// <exception cref="FormatException">A phone occurs twice, or there are none; the message has the line.</exception>
    public static Fold Read(string name, TextReader text)
    {
        var targets = new Dictionary<string, string?>();
        for (var number = 1; text.ReadLine() is { } line; number++)
        {
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 0 || line.StartsWith('#'))
                continue;
            if (!targets.TryAdd(fields[0], fields.Length > 1 ? fields[^1] : null))
                throw new FormatException($"line {number}: {fields[0]} occurs a second time");
        }
        return targets.Values.Any(target => target is not null)
            ? new Fold(name, targets)
            : throw new FormatException("no phone is left: a line is a phone and what it becomes");
    }

    /// <summary>Phones after folding.</summary>
    /// <exception cref="FormatException">A phone is not in the table; the message names all that are not.</exception>
    public IReadOnlyList<string> Apply(IReadOnlyList<string> phones)
    {
        var unknown = phones.Where(phone => !targets.ContainsKey(phone)).Distinct().ToList();
        if (unknown.Count > 0)
            throw new FormatException(
                $"the fold {Name} says nothing of {string.Join(", ", unknown)}: add a line for each, alone if it does not count"
            );
        return [.. phones.Select(phone => targets[phone]).OfType<string>()];
    }

    /// <summary>
    /// An evaluation with folded references and hypotheses, compared anew; its labels are those of <see cref="Inventory"/>. The
    /// losses stay those of the labels that the network tells apart.
    /// </summary>
    /// <param name="evaluation">What was measured without a fold.</param>
    /// <param name="inventory">The names of its labels.</param>
    /// <exception cref="FormatException">A phone is not in the table.</exception>
    public Evaluation Apply(Evaluation evaluation, PhoneInventory inventory)
    {
        int[] Folded(int[] labels) => Inventory.Labels(Apply([.. inventory.Names(labels)]));
        return new Evaluation([
            .. evaluation.Utterances.Select(utterance =>
            {
                var (reference, hypothesis) = (Folded(utterance.Reference), Folded(utterance.Hypothesis));
                return utterance with
                {
                    Reference = reference,
                    Hypothesis = hypothesis,
                    Alignment = EditDistance.Align(reference, hypothesis),
                };
            }),
        ])
        {
            Loss = evaluation.Loss,
        };
    }
}
