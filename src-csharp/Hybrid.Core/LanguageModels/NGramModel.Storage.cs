using System.Globalization;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <content>The model as tensors: as they stand in memory, read in milliseconds, and a seventh of the ARPA text.</content>
public sealed partial class NGramModel
{
    private const string Tokens = "tokens",
        Children = "children",
        LogProbabilities = "log_probabilities",
        Backoffs = "backoffs";

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
        for (var node = 0; node < children.Length; node++)
            children[node] = firstChildren[node + 1] - firstChildren[node];
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
    // Without LINQ and delegates, whose compilation takes longer than what they do: the shipped model is read at every start.
    public static NGramModel Load(IReadOnlyList<StoredTensor> tensors, int symbols)
    {
        StoredTensor? tokens = null,
            children = null,
            logProbabilities = null,
            backoffs = null;
        foreach (var tensor in tensors)
        {
            ref var place = ref children;
            switch (tensor.Name)
            {
                case Tokens:
                    place = ref tokens;
                    break;
                case Children:
                    break;
                case LogProbabilities:
                    place = ref logProbabilities;
                    break;
                case Backoffs:
                    place = ref backoffs;
                    break;
                default:
                    throw new FormatException($"{Quoted.Unless(tensor.Name)} is no part of n-grams");
            }
            if (place is not null)
                throw new FormatException($"{tensor.Name} of the n-grams is there twice");
            place = tensor;
        }
        if (tokens is null || children is null || logProbabilities is null || backoffs is null)
            throw new FormatException(
                $"n-grams are {Tokens}, {Children}, {LogProbabilities} and {Backoffs}; one is missing"
            );
        if (children.Bytes.Length == 0)
            throw new FormatException($"{Children} of the n-grams is empty");
        var (last, counts) = (ToIntegers(tokens, 1), ToIntegers(children, 0));
        last[0] = -1;
        return new NGramModel(
            symbols,
            last,
            ToLogarithms(logProbabilities, last.Length, double.NegativeInfinity, 0),
            ToLogarithms(backoffs, counts.Length, -LargestBackoff, LargestBackoff),
            counts
        );
    }

    private static StoredTensor Integers(string name, ReadOnlySpan<int> values)
    {
        var isSmall = true;
        foreach (var value in values)
            isSmall &= value <= byte.MaxValue;
        return isSmall
            ? new StoredTensor(
                name,
                TensorType.U8,
                [values.Length],
                Array.ConvertAll(values.ToArray(), value => (byte)value)
            )
            : new StoredTensor(name, TensorType.I32, [values.Length], MemoryMarshal.AsBytes(values).ToArray());
    }

    private static StoredTensor Singles(string name, ReadOnlySpan<double> values) =>
        StoredTensor.FromSingles(name, Array.ConvertAll(values.ToArray(), value => (float)value), values.Length);

    /// <summary>The whole numbers behind so many places left free.</summary>
    private static int[] ToIntegers(StoredTensor tensor, int free)
    {
        if (tensor.Type is not (TensorType.U8 or TensorType.I32))
            throw new FormatException($"{tensor.Name} of the n-grams has type {tensor.Type}, must be U8 or I32");
        var bytes = tensor.Bytes.Span;
        if (tensor.Type == TensorType.I32)
            return [.. new int[free], .. MemoryMarshal.Cast<byte, int>(bytes)];
        var integers = new int[free + bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            integers[free + i] = bytes[i];
        return integers;
    }

    /// <summary>A zero for the empty n-gram, and the numbers behind it, so many in all.</summary>
    private static double[] ToLogarithms(StoredTensor tensor, int count, double least, double most)
    {
        var values = tensor.ToSingles();
        if (values.Length != count - 1)
            throw new FormatException(
                $"{tensor.Name} of the n-grams has {values.Length} numbers, must have {count - 1}"
            );
        var logarithms = new double[count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!(values[i] >= least && values[i] <= most))
                throw new FormatException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{tensor.Name} of the n-grams has {values[i]} at {i}, must be {least} to {most}"
                    )
                );
            logarithms[i + 1] = values[i];
        }
        return logarithms;
    }
}
