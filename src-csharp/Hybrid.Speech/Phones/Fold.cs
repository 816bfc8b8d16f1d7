using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// A table that maps phones to the classes in which results are scored, and removes phones that are not scored. Error
/// rates are comparable only under the same fold.
/// </summary>
public sealed class Fold
{
    private readonly Dictionary<string, string?> targets;

    private Fold(string name, Dictionary<string, string?> targets)
    {
        (Name, this.targets) = (name, targets);
        Inventory = new PhoneInventory(targets.Values.OfType<string>().Distinct());
    }

    /// <summary>The names of the built-in folds.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } = ["arpabet-39", "timit-39"];

    /// <summary>Name of the fold, for reports.</summary>
    public string Name { get; }

    /// <summary>The phones after folding.</summary>
    public PhoneInventory Inventory { get; }

    /// <summary>
    /// A built-in fold, <c>arpabet-39</c> (CMUdict's phones without silence) or <c>timit-39</c> (61 to 39), or that of
    /// a file.
    /// </summary>
    /// <exception cref="FormatException">A line is malformed; the message has file and line.</exception>
    /// <exception cref="IOException">There is no such built-in fold and no such file, or it cannot be read.</exception>
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
                $"there is no fold and no file named {Quoted.Path(nameOrFile)}; folds are {string.Join(", ", BuiltIn)}"
            );
        return InputFile.Read(nameOrFile, file =>
        {
            using var text = new StreamReader(file);
            return Read(Path.GetFileNameWithoutExtension(nameOrFile), text);
        });
    }

    /// <summary>
    /// Reads a table of a phone and its class in each line. Of several columns, such as Kaldi's 61, 48 and 39, the last
    /// is the class. A phone without class is removed. Lines that begin with # are comments.
    /// </summary>
    /// <exception cref="FormatException">
    /// A phone occurs twice, no phone has a class, or a line is too long; the message has the line.
    /// </exception>
    public static Fold Read(string name, TextReader text)
    {
        var targets = new Dictionary<string, string?>();
        var number = 0;
        foreach (var line in TextLines.Read(text))
        {
            number++;
            var fields = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 0 || line.StartsWith('#'))
                continue;
            if (!targets.TryAdd(fields[0], fields.Length > 1 ? fields[^1] : null))
                throw new FormatException($"line {number}: phone {Quoted.Unless(fields[0])} is a duplicate");
        }
        return targets.Values.Any(target => target is not null)
            ? new Fold(name, targets)
            : throw new FormatException("no phone is left: a line has a phone and its class");
    }

    /// <summary>Folds phones.</summary>
    /// <exception cref="FormatException">A phone is not in the table; the message has all that are not.</exception>
    public IReadOnlyList<string> Apply(IReadOnlyList<string> phones)
    {
        var unknown = phones.Where(phone => !targets.ContainsKey(phone)).Distinct().ToList();
        if (unknown.Count > 0)
            throw new FormatException(
                $"the fold {Name} has no {Quoted.List(unknown)}: "
                    + "add a line for each, without a class if it is not scored"
            );
        return [.. phones.Select(phone => targets[phone]).OfType<string>()];
    }

    /// <summary>
    /// Folds references and hypotheses of an evaluation and aligns them again. The labels are those of
    /// <see cref="Inventory"/>; the losses remain those of the network's labels.
    /// </summary>
    /// <param name="evaluation">An evaluation without a fold.</param>
    /// <param name="inventory">The phones of its labels.</param>
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
