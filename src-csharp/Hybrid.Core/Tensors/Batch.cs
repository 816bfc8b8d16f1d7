using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A batch of B feature sequences of up to T frames with F features each, time-major and row-major: element (t, b, f) lies
/// at <c>(t * B + b) * F + f</c>. Frames beyond an utterance's length are zero after every layer and influence nothing.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly struct Batch<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>A batch in memory that the caller owns.</summary>
    /// <param name="data">[T, B, F], zero beyond each utterance's length.</param>
    /// <param name="T">Frames of the longest utterance.</param>
    /// <param name="B">Utterances.</param>
    /// <param name="F">Features per frame.</param>
    /// <param name="lengths">[B], frames of each utterance, each in 0..T.</param>
    /// <param name="keys">[B], a number that identifies each utterance wherever it stands: dropout and masks depend on it.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
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

    /// <summary>A batch whose utterances all have T frames and are known by their place.</summary>
    public Batch(Memory<TReal> data, int T, int B, int F)
        : this(data, T, B, F, Enumerable.Repeat(T, B).ToArray(), Enumerable.Range(0, B).Select(b => (ulong)b).ToArray())
    { }

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

    /// <summary>[B], a number that identifies each utterance wherever it stands.</summary>
    public Memory<ulong> Keys { get; }

    /// <summary>Frames times utterances.</summary>
    public int Rows => T * B;

    /// <summary>All frames as the rows of a matrix, [T * B, F].</summary>
    public MatrixView<TReal> Matrix => new(Data, Rows, F);

    /// <summary>The features of one frame of one utterance.</summary>
    public Span<TReal> Row(int t, int b) => Data.Span.Slice((t * B + b) * F, F);

    /// <summary>Room for other features of the same utterances and frames; the content is undefined.</summary>
    public Batch<TReal> Like(Workspace workspace, int features) =>
        new(workspace.Rent<TReal>(Rows * features), T, B, features, Lengths, Keys);

    /// <summary>The same utterances and frames with other data.</summary>
    public Batch<TReal> With(Memory<TReal> data, int features) => new(data, T, B, features, Lengths, Keys);

    /// <summary>The same with zero beyond each utterance's length: the batch itself where it is so, else a copy.</summary>
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
