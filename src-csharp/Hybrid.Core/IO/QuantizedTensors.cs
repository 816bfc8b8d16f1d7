using System.Runtime.InteropServices;

namespace Hybrid.Core;

/// <summary>
/// Storage of weights as signed bytes, a quarter of single precision: w[r, i] = scale[r] * q[r, i] with q in [-127,
/// 127] and one scale per row, the symmetric linear quantisation of Jacob et al. 2018, "Quantization and training of
/// neural networks for efficient integer-arithmetic-only inference". Computation stays in single precision.
/// </summary>
internal static class QuantizedTensors
{
    private const string ScaleSuffix = ".scale";
    private const int MaxLevel = 127;

    /// <summary>
    /// The tensors for a file: those with at least two axes as bytes, each followed by its scales; the others
    /// unchanged.
    /// </summary>
    /// <param name="tensors">Finite values.</param>
    public static IEnumerable<StoredTensor> Quantize(IEnumerable<StoredTensor> tensors) =>
        tensors.SelectMany(tensor => tensor.Shape.Count >= 2 ? Quantize(tensor) : [tensor]);

    /// <summary>The tensors of a file, with bytes converted back to single precision.</summary>
    /// <exception cref="FormatException">Scales are missing or do not fit their tensor.</exception>
    public static IReadOnlyList<StoredTensor> Dequantize(IReadOnlyList<StoredTensor> tensors)
    {
        var isScale = tensors.ToLookup(tensor => tensor.Name.EndsWith(ScaleSuffix, StringComparison.Ordinal));
        var scales = isScale[true].ToDictionary(tensor => tensor.Name);
        var result = new List<StoredTensor>();
        foreach (var tensor in isScale[false])
        {
            if (tensor.Type != TensorType.I8)
                result.Add(tensor);
            else if (scales.Remove(tensor.Name + ScaleSuffix, out var scale))
                result.Add(Dequantize(tensor, scale));
            else
                throw new FormatException($"tensor {Quoted.Unless(tensor.Name)} of signed bytes has no scales");
        }
        return scales.Count == 0
            ? result
            : throw new FormatException($"no tensor belongs to the scales {Quoted.Unless(scales.Keys.First())}");
    }

    private static IEnumerable<StoredTensor> Quantize(StoredTensor tensor)
    {
        var values = tensor.ToSingles();
        var rows = (int)tensor.Shape[0];
        var columns = values.Length / Math.Max(1, rows);
        var (levels, scales) = (new sbyte[values.Length], new float[rows]);
        for (var r = 0; r < rows; r++)
        {
            var row = values.AsSpan(r * columns, columns);
            var largest = 0f;
            foreach (var value in row)
                largest = Math.Max(largest, Math.Abs(value));
            scales[r] = Scale(largest);
            for (var i = 0; i < columns; i++)
                levels[r * columns + i] = largest == 0 ? (sbyte)0 : (sbyte)MathF.Round(row[i] / scales[r]);
        }
        yield return tensor with
        {
            Type = TensorType.I8,
            Bytes = MemoryMarshal.AsBytes(levels.AsSpan()).ToArray(),
        };
        yield return StoredTensor.FromSingles(tensor.Name + ScaleSuffix, scales, rows);
    }

    /// <summary>
    /// The scale of a row, rounded up to 16 significant bits: its product with a level of 7 bits is exact in single
    /// precision, so that values read from a file are stored as the same bytes again.
    /// </summary>
    private static float Scale(float largest)
    {
        const int droppedBits = 0xFF;
        var bits = BitConverter.SingleToInt32Bits(largest / MaxLevel);
        return BitConverter.Int32BitsToSingle((bits + droppedBits) & ~droppedBits);
    }

    private static StoredTensor Dequantize(StoredTensor tensor, StoredTensor scale)
    {
        var scales = scale.ToSingles();
        if (tensor.Shape.Count < 2 || scale.Shape.Count != 1 || scales.Length != tensor.Shape[0])
            throw new FormatException($"the scales of tensor {Quoted.Unless(tensor.Name)} do not fit its rows");
        var levels = MemoryMarshal.Cast<byte, sbyte>(tensor.Bytes.Span);
        var values = new float[levels.Length];
        var columns = values.Length / Math.Max(1, scales.Length);
        for (var i = 0; i < values.Length; i++)
            values[i] = scales[i / columns] * levels[i];
        return tensor with { Type = TensorType.F32, Bytes = MemoryMarshal.AsBytes(values.AsSpan()).ToArray() };
    }
}
