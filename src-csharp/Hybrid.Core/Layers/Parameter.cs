using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// A named tensor of a layer with its gradient. Backward passes add to the gradient; the optimiser reads it and updates
/// the value. Buffers, such as running statistics, are parameters without a gradient.
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
    private int version = 1; // 0 is the version of a copy that was never made

    private Parameter(string name, int[] shape, InitialValue initial, bool isTrainable)
    {
        (Name, Shape, IsTrainable, this.initial) = (name, shape, isTrainable, initial);
        // Sizes come from files too: the product must not overflow.
        var length = shape.Aggregate(1L, (product, size) => product > Array.MaxLength ? product : product * size);
        if (length > Array.MaxLength)
            throw new ArgumentException($"{this} would have more than {Array.MaxLength} elements", nameof(shape));
        Length = (int)length;
    }

    /// <summary>Computes the initial value of an element.</summary>
    /// <param name="random">The random stream, common to all elements, which are drawn in order.</param>
    /// <param name="index">The index of the element.</param>
    public delegate double InitialValue(RandomStream random, int index);

    /// <summary>A trainable tensor.</summary>
    /// <exception cref="ArgumentException">It would have more elements than an array can have.</exception>
    public static Parameter<TReal> Trainable(string name, InitialValue initial, params int[] shape) =>
        new(name, shape, initial, true);

    /// <summary>
    /// A trainable tensor, initially uniform in [-<paramref name="bound"/>, <paramref name="bound"/>).
    /// </summary>
    /// <inheritdoc cref="Trainable"/>
    public static Parameter<TReal> Uniform(string name, double bound, params int[] shape) =>
        Trainable(name, (random, _) => random.Uniform(-bound, bound), shape);

    /// <summary>
    /// A trainable matrix, initially uniform in +-sqrt(6 / (inputs + outputs)), which preserves the variance of signals
    /// and of gradients (Glorot and Bengio 2010).
    /// </summary>
    /// <inheritdoc cref="Trainable"/>
    public static Parameter<TReal> Glorot(string name, int inputs, int outputs, params int[] shape) =>
        Uniform(name, Math.Sqrt(6.0 / ((double)inputs + outputs)), shape);

    /// <summary>A trainable tensor, initially with the same value in all elements.</summary>
    /// <inheritdoc cref="Trainable"/>
    public static Parameter<TReal> Constant(string name, double value, params int[] shape) =>
        Trainable(name, (_, _) => value, shape);

    /// <summary>A tensor that belongs to the model but is not trained, such as a running mean.</summary>
    /// <inheritdoc cref="Trainable"/>
    public static Parameter<TReal> Buffer(string name, double value, params int[] shape) =>
        new(name, shape, (_, _) => value, false);

    /// <summary>The name within the layer, as in PyTorch; within a network, the whole path.</summary>
    public string Name { get; internal set; }

    /// <summary>The sizes of the axes, outermost first.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Whether optimisers update it; false for a buffer.</summary>
    public bool IsTrainable { get; }

    /// <summary>Whether optimisers skip it for now, as with all parameters of a frozen layer.</summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>
    /// The elements, row-major; initial values of generator 0 until others are set. They are written by
    /// <see cref="Set(ReadOnlySpan{TReal})"/> and the indexers, because layers keep packed copies of them.
    /// </summary>
    public ReadOnlySpan<TReal> Value => Elements;

    /// <summary>The elements; <see cref="Invalidate"/> follows every change.</summary>
    internal TReal[] Elements => value ?? Materialize();

    /// <summary>An element by its row-major index.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
    public TReal this[int index]
    {
        get => Elements[index];
        set
        {
            Elements[index] = value;
            Invalidate();
        }
    }

    /// <summary>An element of a matrix with one row per element of the first axis.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row or column.</exception>
    public TReal this[int row, int column]
    {
        get => Matrix[row, column];
        set
        {
            Matrix[row, column] = value;
            Invalidate();
        }
    }

    /// <summary>Copies values into the tensor.</summary>
    /// <param name="values">All elements, row-major.</param>
    /// <exception cref="ArgumentException">The number of values is not <see cref="Length"/>.</exception>
    public void Set(ReadOnlySpan<TReal> values)
    {
        if (values.Length != Length)
            throw new ArgumentException($"{this} takes {Length} values, not {values.Length}", nameof(values));
        values.CopyTo(Elements);
        Invalidate();
    }

    /// <summary>Copies values into the tensor.</summary>
    /// <param name="values">All elements, row-major.</param>
    /// <exception cref="ArgumentException">The number of values is not <see cref="Length"/>.</exception>
    public void Set(params TReal[] values) => Set((ReadOnlySpan<TReal>)values);

    /// <summary>Copies the values of a matrix into the tensor.</summary>
    /// <param name="values">One row per element of the first axis.</param>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    public void Set(TReal[,] values)
    {
        var (rows, columns) = (values.GetLength(0), values.GetLength(1));
        if ((rows, columns) != (Matrix.Rows, Matrix.Columns))
            throw new ArgumentException(
                $"{this} takes [{Matrix.Rows}, {Matrix.Columns}] values, not [{rows}, {columns}]",
                nameof(values)
            );
        Set((ReadOnlySpan<TReal>)values.AsSpan());
    }

    /// <summary>A copy of the elements, row-major.</summary>
    public TReal[] ToArray() => [.. Elements];

    /// <summary>
    /// The sum of the gradients of all backward passes since it was last cleared; allocated at first use.
    /// </summary>
    public TReal[] Gradient => gradient ?? AllocateGradient();

    /// <summary>
    /// The value as a matrix with one row per element of the first axis; <see cref="Invalidate"/> follows every change.
    /// </summary>
    internal MatrixView<TReal> Matrix => new(Elements, MatrixRows, Length / Math.Max(1, MatrixRows));

    /// <summary>The gradient as a matrix with one row per element of the first axis.</summary>
    public MatrixView<TReal> GradientMatrix => new(Gradient, MatrixRows, Length / Math.Max(1, MatrixRows));

    // A scalar is a matrix of one row.
    private int MatrixRows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>Sets the gradient to zero.</summary>
    public void ClearGradient() => Gradient.AsSpan().Clear();

    /// <summary>Invalidates packed copies after the value was written.</summary>
    internal void Invalidate() => Interlocked.Increment(ref version);

    /// <summary>Draws the initial value; the same generator and name give the same value.</summary>
    public void Initialize(CounterRandom random)
    {
        value = Draw(random);
        Invalidate();
    }

    /// <summary>Takes the value of a stored tensor of the same shape.</summary>
    internal void Load(StoredTensor stored)
    {
        value =
            typeof(TReal) == typeof(float) ? (TReal[])(object)stored.ToSingles() : (TReal[])(object)stored.ToDoubles();
        Invalidate();
    }

    /// <summary>The value as a tensor to store.</summary>
    internal StoredTensor Save() =>
        typeof(TReal) == typeof(float)
            ? StoredTensor.FromSingles(Name, (float[])(object)Elements, Shape)
            : StoredTensor.FromDoubles(Name, (double[])(object)Elements, Shape);

    /// <summary>
    /// The value W packed as the right factor of x W. The copy is kept until the value changes; calls from several
    /// threads are safe as long as none of them changes the value.
    /// </summary>
    public PackedMatrix<TReal> PackedRows => Pack(rows, Matrix);

    /// <summary>The value W packed as the right factor of x W^T.</summary>
    public PackedMatrix<TReal> PackedColumns => Pack(columns, Matrix.Transposed);

    /// <summary>The name and the shape.</summary>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape)}]";

    // Not in the constructor: a network loaded from a file needs no initial values.
    private TReal[] Materialize()
    {
        lock (gate)
            return value ??= Draw(new CounterRandom(0));
    }

    // Several threads of a layer may be the first to use it.
    private TReal[] AllocateGradient()
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

    /// <summary>
    /// A view of the value, or of an array derived from it, packed for GEMM. The copy is kept until the value changes.
    /// </summary>
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
    /// Updates data derived from the value if the value has changed since <paramref name="ofVersion"/>. Calls from
    /// several threads are safe as long as none of them changes the value.
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

/// <summary>A packed copy of a parameter, and the version of the value that it was made from.</summary>
internal sealed class PackedCopy<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    public PackedMatrix<TReal>? Matrix;
    public int Version;
}
