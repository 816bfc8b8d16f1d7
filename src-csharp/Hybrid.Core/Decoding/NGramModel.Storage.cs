using System.Globalization;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <content>The model as tensors: as they stand in memory, read in milliseconds, and a seventh of the ARPA text.</content>
public sealed partial class NGramModel
{
    private const string Tokens = "tokens", Children = "children", LogProbabilities = "log_probabilities", Backoffs = "backoffs";

    // A little above the largest of ARPA texts, 99 to base 10, so that it may be rounded.
    private const double LargestBackoff = 230;

    /// <summary>
    /// Whole numbers, in bytes where they fit: <c>tokens</c>, the last token of each n-gram, by length, then by place of the history,
    /// then by token; <c>children</c>, how many n-grams continue the empty one and each of those that are shorter than the order. And
    /// natural logarithms in single precision: <c>log_probabilities</c> of all, <c>backoffs</c> of those shorter than the order.
    /// </summary>
    public IReadOnlyList<StoredTensor> Save()
    {
        var children = new int[backoffs.Length];
        for (var node = 0; node < children.Length; node++) children[node] = firstChildren[node + 1] - firstChildren[node];
        return
        [
            Integers(Tokens, tokens.AsSpan(1)),
            Integers(Children, children),
            Singles(LogProbabilities, logProbabilities.AsSpan(1)),
            Singles(Backoffs, backoffs.AsSpan(1)),
        ];
    }

    /// <summary>Takes what <see cref="Save"/> gave, in any order and in any precision.</summary>
    /// <param name="tensors">The four tensors.</param>
    /// <param name="symbols">Symbols that there are, the blank's place included.</param>
    /// <exception cref="FormatException">They are not those of a model with so many symbols.</exception>
    public static NGramModel Load(IReadOnlyList<StoredTensor> tensors, int symbols)
    {
        string[] names = [Tokens, Children, LogProbabilities, Backoffs];
        if (!tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal).SequenceEqual(names.Order(StringComparer.Ordinal)))
            throw new FormatException($"n-grams are {string.Join(", ", names)}, each once; there are {string.Join(", ", tensors.Select(tensor => Quoted.Unless(tensor.Name)))}");
        StoredTensor Find(string name, long? count = null)
        {
            var tensor = tensors.First(tensor => tensor.Name == name);
            if (tensor.Shape.Count != 1 || count is { } due && tensor.Shape[0] != due) throw new FormatException($"{name} of the n-grams has shape [{string.Join(", ", tensor.Shape)}], must be [{count?.ToString(CultureInfo.InvariantCulture) ?? "numbers"}]");
            return tensor;
        }

        int[] tokens = [-1, .. ToIntegers(Find(Tokens))], children = ToIntegers(Find(Children));
        if (children.Length == 0) throw new FormatException($"{Children} of the n-grams is empty");
        double[] logProbabilities = [0, .. Find(LogProbabilities, tokens.Length - 1).ToDoubles()], backoffs = [0, .. Find(Backoffs, children.Length - 1).ToDoubles()];
        Check(LogProbabilities, logProbabilities, value => value <= 0, "not positive");
        Check(Backoffs, backoffs, value => Math.Abs(value) <= LargestBackoff, $"{-LargestBackoff} to {LargestBackoff}");
        return new NGramModel(symbols, tokens, logProbabilities, backoffs, children);
    }

    private static StoredTensor Integers(string name, ReadOnlySpan<int> values)
    {
        var isSmall = true;
        foreach (var value in values) isSmall &= value <= byte.MaxValue;
        return isSmall
            ? new StoredTensor(name, TensorType.U8, [values.Length], Array.ConvertAll(values.ToArray(), value => (byte)value))
            : new StoredTensor(name, TensorType.I32, [values.Length], MemoryMarshal.AsBytes(values).ToArray());
    }

    private static StoredTensor Singles(string name, ReadOnlySpan<double> values) => StoredTensor.FromSingles(name, Array.ConvertAll(values.ToArray(), value => (float)value), values.Length);

    private static int[] ToIntegers(StoredTensor tensor) => tensor.Type switch
    {
        TensorType.U8 => Array.ConvertAll(tensor.Bytes.ToArray(), value => (int)value),
        TensorType.I32 => MemoryMarshal.Cast<byte, int>(tensor.Bytes.Span).ToArray(),
        _ => throw new FormatException($"{tensor.Name} of the n-grams has type {tensor.Type}, must be U8 or I32"),
    };

    private static void Check(string name, double[] values, Predicate<double> isRight, string right)
    {
        var wrong = Array.FindIndex(values, value => !isRight(value));
        if (wrong >= 0) throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"{name} of the n-grams has {values[wrong]} at {wrong - 1}, must be {right}"));
    }
}
