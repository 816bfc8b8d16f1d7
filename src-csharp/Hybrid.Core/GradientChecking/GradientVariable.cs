namespace Hybrid.Core;

/// <summary>A tensor on which a loss depends, with the gradient that a backward pass computed for it.</summary>
public sealed class GradientVariable
{
    private readonly Func<int, double> read;
    private readonly Action<int, double> write;

    private GradientVariable(string name, double[] gradient, Func<int, double> read, Action<int, double> write) =>
        (Name, Gradient, this.read, this.write) = (name, gradient, read, write);

    /// <summary>The tensor's name in reports.</summary>
    public string Name { get; }

    /// <summary>The gradient by the backward pass, one number per element.</summary>
    public IReadOnlyList<double> Gradient { get; }

    /// <summary>An element of the tensor. A change takes effect when the loss is computed again.</summary>
    public double this[int index]
    {
        get => read(index);
        set => write(index, value);
    }

    /// <summary>A tensor in memory, which the loss reads each time it is computed.</summary>
    /// <param name="name">The name in reports.</param>
    /// <param name="values">The tensor; the check changes its elements and restores them.</param>
    /// <param name="gradient">The gradient; it is copied.</param>
    /// <exception cref="ArgumentException">The gradient has another number of elements.</exception>
    public static GradientVariable Of(string name, Memory<double> values, ReadOnlyMemory<double> gradient)
    {
        if (values.Length != gradient.Length)
            throw new ArgumentException(
                $"{name} has {values.Length} elements, its gradient has {gradient.Length}",
                nameof(gradient)
            );
        return new GradientVariable(
            name,
            gradient.ToArray(),
            i => values.Span[i],
            (i, value) => values.Span[i] = value
        );
    }

    /// <summary>A parameter, with a copy of its current gradient.</summary>
    public static GradientVariable Of(Parameter<double> parameter) =>
        new(
            parameter.Name,
            [.. parameter.Gradient],
            i => parameter.Elements[i],
            (i, value) =>
            {
                parameter.Elements[i] = value;
                parameter.Invalidate();
            }
        );

    /// <summary>The frames of a batch, without padding, which is zero by contract.</summary>
    /// <param name="name">The name in reports.</param>
    /// <param name="x">[T, B, F]; the check changes its elements and restores them.</param>
    /// <param name="dx">The gradient, of the same shape; it is copied.</param>
    /// <exception cref="ArgumentException">The gradient has another shape.</exception>
    public static GradientVariable Of(string name, Batch<double> x, Batch<double> dx)
    {
        if (x.Data.Length != dx.Data.Length)
            throw new ArgumentException(
                $"{name} is [{x.T}, {x.B}, {x.F}], its gradient is [{dx.T}, {dx.B}, {dx.F}]",
                nameof(dx)
            );
        int[] indices = [.. Enumerable.Range(0, x.Data.Length).Where(i => !IsPadding(x, i))];
        return new GradientVariable(
            name,
            [.. indices.Select(i => dx.Data.Span[i])],
            i => x.Data.Span[indices[i]],
            (i, value) => x.Data.Span[indices[i]] = value
        );
    }

    /// <summary>Whether an element of a batch is beyond its utterance's length.</summary>
    internal static bool IsPadding(Batch<double> x, int index)
    {
        var row = index / x.F;
        return row / x.B >= x.Lengths.Span[row % x.B];
    }
}
