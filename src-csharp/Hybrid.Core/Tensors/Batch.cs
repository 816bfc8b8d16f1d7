using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A batch of B feature sequences of up to T frames with F features each, time-major and row-major: element (t, b, f)
/// is at index <c>(t * B + b) * F + f</c>. Frames beyond an utterance's length are zero after every layer and have no
/// influence.
/// </summary>
/// <remarks>A batch is a view: copies of the struct share the memory.</remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly struct Batch<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A batch in caller-owned memory.</summary>
    /// <param name="data">[T, B, F], zero beyond each utterance's length.</param>
    /// <param name="T">Frames of the longest utterance.</param>
    /// <param name="B">Utterances.</param>
    /// <param name="F">Features per frame.</param>
    /// <param name="lengths">[B], frames of each utterance, each in 0..T.</param>
    /// <param name="keys">
    /// [B], identifies each utterance independently of the batch; dropout and masks depend on it.
    /// </param>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    public Batch(Memory<TReal> data, int T, int B, int F, Memory<int> lengths, Memory<ulong> keys)
    {
        if (data.Length != (long)T * B * F)
            throw new ArgumentException(
                $"[T, B, F] = [{T}, {B}, {F}] needs {(long)T * B * F} elements, not {data.Length}",
                nameof(data)
            );
        if (lengths.Length != B)
            throw new ArgumentException($"{B} utterances need as many lengths, not {lengths.Length}", nameof(lengths));
        if (keys.Length != B)
            throw new ArgumentException($"{B} utterances need as many keys, not {keys.Length}", nameof(keys));
        foreach (var length in lengths.Span)
            if ((uint)length > (uint)T)
                throw new ArgumentException($"length {length} is not in 0..{T}", nameof(lengths));
        (Data, this.T, this.B, this.F, Lengths, Keys) = (data, T, B, F, lengths, keys);
    }

    /// <summary>A batch in caller-owned memory; the keys of its utterances are their indices.</summary>
    /// <inheritdoc cref="Batch{TReal}(Memory{TReal}, int, int, int, Memory{int}, Memory{ulong})"/>
    public Batch(Memory<TReal> data, int T, int B, int F, Memory<int> lengths)
        : this(data, T, B, F, lengths, Enumerable.Range(0, B).Select(b => (ulong)b).ToArray()) { }

    /// <summary>A batch whose utterances all have T frames; their keys are their indices.</summary>
    /// <inheritdoc cref="Batch{TReal}(Memory{TReal}, int, int, int, Memory{int}, Memory{ulong})"/>
    public Batch(Memory<TReal> data, int T, int B, int F)
        : this(data, T, B, F, Enumerable.Repeat(T, B).ToArray()) { }

    /// <summary>A batch in an array, without a copy.</summary>
    /// <inheritdoc cref="Batch{TReal}(Memory{TReal}, int, int, int, Memory{int}, Memory{ulong})"/>
    public Batch(TReal[] data, int T, int B, int F, int[] lengths)
        : this(data.AsMemory(), T, B, F, lengths.AsMemory()) { }

    /// <summary>A batch in an array, without a copy, whose utterances all have T frames.</summary>
    /// <inheritdoc cref="Batch{TReal}(Memory{TReal}, int, int, int, Memory{int}, Memory{ulong})"/>
    public Batch(TReal[] data, int T, int B, int F)
        : this(data.AsMemory(), T, B, F) { }

    /// <summary>A batch of the rows of a matrix, in the same memory; all utterances have T frames.</summary>
    /// <param name="frames">[T * B, F], contiguous, such as <see cref="MatrixView{TReal}.SliceRows"/> returns.</param>
    /// <param name="T">Frames of every utterance.</param>
    /// <param name="B">Utterances.</param>
    /// <exception cref="ArgumentException">The sizes do not match, or the rows are not contiguous.</exception>
    public Batch(MatrixView<TReal> frames, int T, int B)
        : this(Contiguous(frames), T, B, frames.Columns) { }

    /// <summary>
    /// A batch of copies of utterances, filled up with zeros to the longest; their keys are their indices.
    /// </summary>
    /// <param name="utterances">Features of each utterance, [frames, F].</param>
    /// <exception cref="ArgumentException">Utterances differ in the number of features.</exception>
    public static Batch<TReal> FromUtterances(params TReal[][,] utterances)
    {
        var (B, F) = (utterances.Length, utterances.Length == 0 ? 0 : utterances[0].GetLength(1));
        int[] lengths = [.. utterances.Select(utterance => utterance.GetLength(0))];
        var T = lengths.Append(0).Max();
        var batch = new Batch<TReal>(new TReal[Size(T, B, F)], T, B, F, lengths);
        for (var b = 0; b < B; b++)
        {
            if (utterances[b].GetLength(1) != F)
                throw new ArgumentException(
                    $"utterance {b} has {utterances[b].GetLength(1)} features per frame, utterance 0 has {F}",
                    nameof(utterances)
                );
            for (var t = 0; t < lengths[b]; t++)
                utterances[b].AsSpan().Slice(t * F, F).CopyTo(batch.Row(t, b));
        }
        return batch;
    }

    /// <summary>[T, B, F], row-major.</summary>
    public Memory<TReal> Data { get; }

    /// <summary>Frames of the longest utterance.</summary>
    public int T { get; }

    /// <summary>Utterances.</summary>
    public int B { get; }

    /// <summary>Features per frame.</summary>
    public int F { get; }

    /// <summary>[B], frames of each utterance.</summary>
    public Memory<int> Lengths { get; }

    /// <summary>[B], identifies each utterance independently of the batch.</summary>
    public Memory<ulong> Keys { get; }

    /// <summary>Frames times utterances, T * B.</summary>
    public int Rows => T * B;

    /// <summary>All frames as the rows of a matrix, [T * B, F].</summary>
    public MatrixView<TReal> Matrix => new(Data, Rows, F);

    /// <summary>An element, to read or to write.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such frame, utterance or feature.</exception>
    public ref TReal this[int t, int b, int f]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)t, (uint)T, nameof(t));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)b, (uint)B, nameof(b));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)f, (uint)F, nameof(f));
            return ref Row(t, b)[f];
        }
    }

    /// <summary>The frames of one utterance without its padding, [length, F]; a view of the same memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such utterance.</exception>
    public MatrixView<TReal> Utterance(int b)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)b, (uint)B, nameof(b));
        var length = Lengths.Span[b];
        return new(length == 0 ? default : Data[(b * F)..], length, F, B * F);
    }

    /// <summary>The features of one frame of one utterance.</summary>
    public Span<TReal> Row(int t, int b) => Data.Span.Slice((t * B + b) * F, F);

    /// <summary>A batch of the same utterances and frames in rented memory; contents undefined.</summary>
    /// <exception cref="ArgumentException">It would have more elements than an array can have.</exception>
    public Batch<TReal> Like(Workspace workspace, int features) =>
        new(workspace.Rent<TReal>(Size(T, B, features)), T, B, features, Lengths, Keys);

    /// <summary>The same utterances and frames with other data.</summary>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    public Batch<TReal> With(Memory<TReal> data, int features) => new(data, T, B, features, Lengths, Keys);

    /// <summary>
    /// The batch with zeros beyond each utterance's length: itself if they are there already, else a copy in rented
    /// memory.
    /// </summary>
    public Batch<TReal> ZeroPadded(Workspace workspace)
    {
        if (PaddingIsZero())
            return this;
        var copy = Like(workspace, F);
        Data.CopyTo(copy.Data);
        copy.ClearPadding();
        return copy;
    }

    /// <summary>Sets the frames beyond each utterance's length to zero.</summary>
    public void ClearPadding()
    {
        var lengths = Lengths.Span;
        for (var b = 0; b < B; b++)
        for (var t = lengths[b]; t < T; t++)
            Row(t, b).Clear();
    }

    /// <summary>Sizes, lengths and the first elements.</summary>
    public override string ToString() =>
        $"[T, B, F] = {TensorText.Of<TReal>([T, B, F], Data.Span)}; lengths {string.Join(", ", Lengths.ToArray())}";

    /// <summary>The number of elements, T * B * F.</summary>
    /// <exception cref="ArgumentException">It exceeds the length of the longest array.</exception>
    internal static int Size(int T, int B, int F)
    {
        var size = (Int128)T * B * F;
        return size <= Array.MaxLength
            ? (int)size
            : throw new ArgumentException(
                $"[T, B, F] = [{T}, {B}, {F}] has {size} elements, must have at most {Array.MaxLength}"
            );
    }

    private static Memory<TReal> Contiguous(MatrixView<TReal> frames) =>
        frames.IsContiguous
            ? frames.Data[..(frames.Rows * frames.Columns)]
            : throw new ArgumentException(
                "the rows of the matrix are not contiguous: copy them with ToArray",
                nameof(frames)
            );

    private bool PaddingIsZero()
    {
        var lengths = Lengths.Span;
        for (var b = 0; b < B; b++)
        for (var t = lengths[b]; t < T; t++)
            if (Row(t, b).ContainsAnyExcept(TReal.Zero))
                return false;
        return true;
    }
}
