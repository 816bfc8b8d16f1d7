using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A named tensor of a layer with its gradient. Backward passes add into the gradient; the optimiser reads it and moves the
/// value; running statistics are parameters that no optimiser touches.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class Parameter<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly InitialValue initial;
    private readonly Lock gate = new();
    private TReal[]? value,
        gradient;
    private readonly PackedCopy<TReal> rows = new(),
        columns = new();
    private int version = 1; // 0 is that of what is not made yet

    private Parameter(string name, int[] shape, InitialValue initial, bool isTrainable)
    {
        (Name, Shape, IsTrainable, this.initial) = (name, shape, isTrainable, initial);
        // Sizes come from files too.
        var length = shape.Aggregate(1L, (product, size) => product > Array.MaxLength ? product : product * size);
        if (length > Array.MaxLength)
            throw new ArgumentException($"{this} would have more than {Array.MaxLength} elements", nameof(shape));
        Length = (int)length;
    }

    /// <summary>The starting value of an element.</summary>
    /// <param name="random">Where to draw from; one stream serves all elements in order.</param>
    /// <param name="index">Which element.</param>
    public delegate double InitialValue(RandomStream random, int index);

    /// <summary>A trainable tensor.</summary>
    public static Parameter<TReal> Trainable(string name, InitialValue initial, params int[] shape) =>
        new(name, shape, initial, true);

    /// <summary>A trainable tensor that starts uniformly in [-<paramref name="bound"/>, <paramref name="bound"/>).</summary>
    public static Parameter<TReal> Uniform(string name, double bound, params int[] shape) =>
        Trainable(name, (random, _) => random.Uniform(-bound, bound), shape);

    /// <summary>
    /// A trainable matrix that starts uniformly in +-sqrt(6 / (inputs + outputs)), which keeps the variance of signals and of
    /// gradients (Glorot and Bengio 2010).
    /// </summary>
    public static Parameter<TReal> Glorot(string name, int inputs, int outputs, params int[] shape) =>
        Uniform(name, Math.Sqrt(6.0 / (inputs + outputs)), shape);

    /// <summary>A trainable tensor that starts with one value everywhere.</summary>
    public static Parameter<TReal> Constant(string name, double value, params int[] shape) =>
        Trainable(name, (_, _) => value, shape);

    /// <summary>A tensor that belongs to the model but not to the optimiser, such as a running mean.</summary>
    public static Parameter<TReal> Buffer(string name, double value, params int[] shape) =>
        new(name, shape, (_, _) => value, false);

    /// <summary>The name within the layer, as PyTorch has it; within a network, the whole path.</summary>
    public string Name { get; internal set; }

    /// <summary>The sizes of the axes, outermost first.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Whether optimisers move it.</summary>
    public bool IsTrainable { get; }

    /// <summary>Whether optimisers leave it alone for now; so they do with all of a frozen layer.</summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>How many elements.</summary>
    public int Length { get; }

    /// <summary>
    /// The elements, row-major; starting values drawn from generator 0 until others are given. Call <see cref="Invalidate"/>
    /// after writing.
    /// </summary>
    public TReal[] Value => value ?? Materialize();

    /// <summary>The sum of what backward passes have added since it was last cleared; made at the first use.</summary>
    public TReal[] Gradient => gradient ?? MakeGradient();

    /// <summary>The value seen as a matrix with as many rows as the first axis has elements.</summary>
    public MatrixView<TReal> Matrix => new(Value, Shape[0], Length / Math.Max(1, Shape[0]));

    /// <summary>The gradient seen as a matrix with as many rows as the first axis has elements.</summary>
    public MatrixView<TReal> GradientMatrix => new(Gradient, Shape[0], Length / Math.Max(1, Shape[0]));

    /// <summary>Sets the gradient to zero.</summary>
    public void ClearGradient() => Gradient.AsSpan().Clear();

    /// <summary>Says that the value was written, so that packed copies are made anew.</summary>
    public void Invalidate() => Interlocked.Increment(ref version);

    /// <summary>Draws the starting value; the same generator and name give the same value.</summary>
    public void Initialize(CounterRandom random)
    {
        value = Draw(random);
        Invalidate();
    }

    /// <summary>Takes the value from a stored tensor of the same shape.</summary>
    internal void Load(StoredTensor stored)
    {
        value =
            typeof(TReal) == typeof(float) ? (TReal[])(object)stored.ToSingles() : (TReal[])(object)stored.ToDoubles();
        Invalidate();
    }

    /// <summary>The value as a tensor to store.</summary>
    internal StoredTensor Save() =>
        typeof(TReal) == typeof(float)
            ? StoredTensor.FromSingles(Name, (float[])(object)Value, Shape)
            : StoredTensor.FromDoubles(Name, (double[])(object)Value, Shape);

    /// <summary>
    /// The value as the right factor W of x W, packed for GEMM. Copies are kept until the value changes; calls from several
    /// threads are safe as long as none of them changes the value.
    /// </summary>
    internal PackedMatrix<TReal> PackedRows => Pack(rows, Matrix);

    /// <summary>The value as the right factor transposed of x W^T, packed for GEMM.</summary>
    internal PackedMatrix<TReal> PackedColumns => Pack(columns, Matrix.Transposed);

    /// <summary>Names the parameter and its shape.</summary>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape)}]";

    // Not in the constructor: a network that is loaded from a file needs no starting values.
    private TReal[] Materialize()
    {
        lock (gate)
            return value ??= Draw(new CounterRandom(0));
    }

    // Layers may ask for it first from several threads.
    private TReal[] MakeGradient()
    {
        lock (gate)
            return gradient ??= new TReal[Length];
    }

    private TReal[] Draw(CounterRandom random)
    {
        var (drawn, stream) = (new TReal[Length], random.Fork(Name).Stream());
        for (var i = 0; i < drawn.Length; i++)
            drawn[i] = TReal.CreateTruncating(initial(stream, i));
        return drawn;
    }

    /// <summary>A view of the value, or of what is derived from it, packed for GEMM; the copy is kept until the value changes.</summary>
    internal PackedMatrix<TReal> Pack(PackedCopy<TReal> packed, WindowView<TReal> source)
    {
        Derive(ref packed.Version, (packed, source), static s =>
        {
            s.packed.Matrix ??= new PackedMatrix<TReal>(s.source.Rows.Length, s.source.Columns.Length);
            s.packed.Matrix.Pack(s.source);
        });
        return packed.Matrix!;
    }

    /// <summary>
    /// Makes anew what is derived from the value where that has changed; calls from several threads are safe as long as none of
    /// them changes the value.
    /// </summary>
    internal void Derive<TState>(ref int ofVersion, TState state, Action<TState> make)
    {
        var wanted = Volatile.Read(ref version);
        if (Volatile.Read(ref ofVersion) == wanted)
            return;
        lock (gate)
        {
            if (ofVersion == wanted)
                return;
            make(state);
            Volatile.Write(ref ofVersion, wanted);
        }
    }
}

/// <summary>A packed copy of a parameter, and of which version of its value.</summary>
internal sealed class PackedCopy<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    public PackedMatrix<TReal>? Matrix;
    public int Version;
}
