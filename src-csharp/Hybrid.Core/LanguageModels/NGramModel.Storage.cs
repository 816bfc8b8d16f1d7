using System.Globalization;
using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <content>
/// The model as tensors, in the layout of memory: read in milliseconds, a seventh of the size of ARPA text.
/// </content>
public sealed partial class NGramModel
{
    private const string Tokens = "tokens",
        Children = "children",
        LogProbabilities = "log_probabilities",
        Backoffs = "backoffs";

    // Slightly above the largest of ARPA text, 99 to base 10, so that it may be rounded.
    private const double LargestBackoff = 230;

    /// <summary>
    /// The model as four tensors. Integers, in bytes if they fit: <c>tokens</c>, the last token of each n-gram, sorted
    /// by length, then by position of the history, then by token; <c>children</c>, the number of continuations of the
    /// empty n-gram and of each n-gram shorter than the order. Natural logarithms in single precision:
    /// <c>log_probabilities</c> of all n-grams, <c>backoffs</c> of those shorter than the order.
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

    /// <summary>Builds a model from the tensors of <see cref="Save"/>, in any order and in any precision.</summary>
    /// <param name="tensors">The four tensors.</param>
    /// <param name="symbols">Number of symbols, the blank included.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    /// <exception cref="FormatException">The tensors are not those of a model with this number of symbols.</exception>
    // Without LINQ and delegates, whose compilation takes longer than the work: the shipped model is read at every
    // start.
    public static NGramModel Load(IReadOnlyList<StoredTensor> tensors, int symbols, int blank = 0)
    {
        StoredTensor? tokens = null,
            children = null,
            logProbabilities = null,
            backoffs = null;
        foreach (var tensor in tensors)
        {
            ref var slot = ref children;
            switch (tensor.Name)
            {
                case Tokens:
                    slot = ref tokens;
                    break;
                case Children:
                    break;
                case LogProbabilities:
                    slot = ref logProbabilities;
                    break;
                case Backoffs:
                    slot = ref backoffs;
                    break;
                default:
                    throw new FormatException($"{Quoted.Unless(tensor.Name)} is not a tensor of an n-gram model");
            }
            if (slot is not null)
                throw new FormatException($"{tensor.Name} of the n-grams is a duplicate");
            slot = tensor;
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
            new NGramVocabulary(symbols),
            blank,
            last,
            ToLogarithms(logProbabilities, last.Length, 0),
            ToLogarithms(backoffs, counts.Length, LargestBackoff),
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

    /// <summary>The integers of a tensor, after <paramref name="free"/> zeros.</summary>
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

    /// <summary>
    /// A zero for the empty n-gram, then the numbers of the tensor; <paramref name="count"/> in total.
    /// </summary>
    private static double[] ToLogarithms(StoredTensor tensor, int count, double most)
    {
        var values = tensor.ToSingles();
        if (values.Length != count - 1)
            throw new FormatException(
                $"{tensor.Name} of the n-grams has {values.Length} numbers, must have {count - 1}"
            );
        var logarithms = new double[count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!(values[i] <= most))
                throw new FormatException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{tensor.Name} of the n-grams has {values[i]} at {i}, must be at most {most}"
                    )
                );
            logarithms[i + 1] = values[i];
        }
        return logarithms;
    }
}
