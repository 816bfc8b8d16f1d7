namespace Hybrid.Core;

/// <summary>A tensor that a loss depends on, and the gradient that a backward pass gave for it.</summary>
public sealed class GradientVariable
{
    private readonly Func<int, double> read;
    private readonly Action<int, double> write;

    private GradientVariable(string name, double[] gradient, Func<int, double> read, Action<int, double> write) =>
        (Name, Gradient, this.read, this.write) = (name, gradient, read, write);

    /// <summary>The tensor's name in reports.</summary>
    public string Name { get; }

    /// <summary>What the backward pass says, a number for each element.</summary>
    public IReadOnlyList<double> Gradient { get; }

    /// <summary>An element. What is written counts the next time the loss is computed.</summary>
    public double this[int index]
    {
        get => read(index);
        set => write(index, value);
    }

    /// <summary>Numbers that are read anew whenever the loss is computed.</summary>
    /// <exception cref="ArgumentException">There are not as many numbers in the gradient.</exception>
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

    /// <summary>A parameter with the gradient that it holds now.</summary>
    public static GradientVariable Of(Parameter<double> parameter) =>
        new(
            parameter.Name,
            [.. parameter.Gradient],
            i => parameter.Value[i],
            (i, value) =>
            {
                parameter.Value[i] = value;
                parameter.Invalidate();
            }
        );

    /// <summary>The frames of a batch. Padding is zero by contract and no variable of the function.</summary>
    public static GradientVariable Of(string name, Batch<double> x, Batch<double> dx)
    {
        if (x.Data.Length != dx.Data.Length)
            throw new ArgumentException(
                $"{name} is [{x.T}, {x.B}, {x.F}], its gradient is [{dx.T}, {dx.B}, {dx.F}]",
                nameof(dx)
            );
        int[] places = [.. Enumerable.Range(0, x.Data.Length).Where(i => !IsPadding(x, i))];
        return new GradientVariable(
            name,
            [.. places.Select(i => dx.Data.Span[i])],
            i => x.Data.Span[places[i]],
            (i, value) => x.Data.Span[places[i]] = value
        );
    }

    /// <summary>Whether an element of a batch lies beyond its utterance's length.</summary>
    internal static bool IsPadding(Batch<double> x, int index)
    {
        var row = index / x.F;
        return row / x.B >= x.Lengths.Span[row % x.B];
    }
}
