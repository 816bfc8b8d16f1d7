namespace Hybrid.Core;

/// <summary>
/// Holds gradients derived by hand against central differences in double, (f(x + h) - f(x - h)) / 2h, which know nothing of the
/// derivation. Not for large layers: the loss is computed twice for every number.
/// </summary>
public static class GradientCheck
{
    // Utterances of several lengths, one of them a single frame; what does not belong to an utterance must count for nothing.
    private static readonly int[] Lengths = [11, 4, 1, 6];

    /// <summary>
    /// Checks a layer as it would be built into a network: in training and in evaluation, with all parameters drawn anew.
    /// </summary>
    /// <param name="layer">The layer's declaration.</param>
    /// <param name="inputs">Features per frame of what is put in.</param>
    /// <exception cref="ArgumentException">The layer cannot be built behind so many features; the message says why.</exception>
    public static GradientReport Of(LayerSpec layer, int inputs = 6)
    {
        if (layer.Problems(inputs).ToList() is { Count: > 0 } problems)
            throw new ArgumentException(
                $"{layer.Describe()} behind {inputs} features: {string.Join("; ", problems)}",
                nameof(layer)
            );
        return Of(() => layer.Build<double>(inputs), inputs);
    }

    /// <summary>Checks a layer in training and in evaluation, with all parameters drawn anew.</summary>
    /// <param name="layer">Makes the layer.</param>
    /// <param name="inputs">Features per frame of what is put in.</param>
    public static GradientReport Of(Func<Layer<double>> layer, int inputs)
    {
        GradientReport Check(bool training)
        {
            var made = layer();
            Randomize(made.Parameters);
            return Of(made, RandomBatch(training ? 1UL : 2UL, inputs, Lengths), training);
        }

        var (training, evaluation) = (Check(true), Check(false));
        IEnumerable<GradientDeviation> Named(GradientReport report, string mode) =>
            report.Deviations.Select(deviation => deviation with { Tensor = $"{deviation.Tensor}, {mode}" });
        return new GradientReport(
            [.. Named(training, "training"), .. Named(evaluation, "evaluation")],
            [.. training.Breaches.Union(evaluation.Breaches)]
        );
    }

    /// <summary>
    /// Checks the gradients of the input and of every trainable parameter of a layer as it is, and that it keeps what
    /// <see cref="Layer{TReal}"/> promises: the input stays as it is, and frames beyond an utterance's length are zero.
    /// </summary>
    /// <param name="layer">The layer; its gradients are overwritten.</param>
    /// <param name="x">What to put in.</param>
    /// <param name="training">Whether as in training.</param>
    public static GradientReport Of(Layer<double> layer, Batch<double> x, bool training)
    {
        var pass = new Pass(new Workspace(new ThreadTeam(1)), training, new CounterRandom(5));
        // Running statistics move with every forward pass in training; each evaluation starts from the same.
        var statistics = layer
            .Parameters.Where(parameter => !parameter.IsTrainable)
            .Select(parameter => (parameter, Value: (double[])parameter.Value.Clone()))
            .ToList();
        Batch<double> Forward()
        {
            foreach (var (parameter, value) in statistics)
                value.CopyTo(parameter.Value, 0);
            pass.Workspace.Reset();
            return layer.Forward(x, pass);
        }

        foreach (var parameter in layer.Parameters)
            parameter.ClearGradient();
        var (before, breaches) = (x.Data.ToArray(), new List<string>());
        var y = Forward();
        if (!x.Data.Span.SequenceEqual(before))
            breaches.Add("Forward changes its input");
        if (FirstInPadding(y) is { } place)
            breaches.Add($"Forward leaves {place}, which is beyond the utterance's length and must be zero");

        // The loss is a weighted sum of the output, so its gradient is the weights.
        var weights = RandomBatch(77, y);
        var dx = layer.Backward(weights, pass);
        if (FirstInPadding(dx) is { } other)
            breaches.Add($"Backward leaves {other}, which is beyond the utterance's length and must be zero");
        double Loss()
        {
            var output = Forward().Data.Span;
            var sum = 0.0;
            for (var i = 0; i < output.Length; i++)
                sum += output[i] * weights.Data.Span[i];
            return sum;
        }

        return Of(
            Loss,
            [
                GradientVariable.Of("input", x, dx),
                .. layer.Parameters.Where(parameter => parameter.IsTrainable).Select(GradientVariable.Of),
            ]
        ) with
        {
            Breaches = breaches,
        };
    }

    /// <summary>Checks what a loss depends on.</summary>
    /// <param name="loss">Computes the loss anew from the variables.</param>
    /// <param name="variables">Tensors with the gradients to check.</param>
    public static GradientReport Of(Func<double> loss, IEnumerable<GradientVariable> variables)
    {
        var worst = new List<GradientDeviation>();
        foreach (var variable in variables)
        {
            var deviations = Enumerable
                .Range(0, variable.Gradient.Count)
                .Select(i => new GradientDeviation(variable.Name, i, variable.Gradient[i], Slope(loss, variable, i)));
            if (variable.Gradient.Count > 0)
                worst.Add(deviations.MaxBy(deviation => deviation.Relative));
        }
        return new GradientReport(worst, []);
    }

    /// <summary>Random values for all parameters, so that no starting value hides a problem; those of statistics are positive.</summary>
    public static void Randomize(IEnumerable<Parameter<double>> parameters)
    {
        foreach (var parameter in parameters)
        {
            var random = new CounterRandom(9).Fork(parameter.Name).Stream();
            for (var i = 0; i < parameter.Length; i++)
                parameter.Value[i] = parameter.IsTrainable ? random.Uniform(-0.8, 0.8) : random.Uniform(0.5, 1.5);
            parameter.Invalidate();
        }
    }

    /// <summary>A batch of random frames, zero beyond each length.</summary>
    public static Batch<double> RandomBatch(ulong seed, int features, params int[] lengths)
    {
        var (T, B, random) = (lengths.Max(), lengths.Length, new CounterRandom(seed).Stream());
        var data = new double[T * B * features];
        for (var i = 0; i < data.Length; i++)
            data[i] = random.Normal();
        var batch = new Batch<double>(
            data,
            T,
            B,
            features,
            (int[])lengths.Clone(),
            Enumerable.Range(100, B).Select(key => (ulong)key).ToArray()
        );
        batch.ClearPadding();
        return batch;
    }

    private static Batch<double> RandomBatch(ulong seed, Batch<double> shape)
    {
        var random = new CounterRandom(seed).Stream();
        var data = new double[shape.Data.Length];
        for (var i = 0; i < data.Length; i++)
            data[i] = random.Uniform(-1, 1);
        var batch = shape.With(data, shape.F);
        batch.ClearPadding();
        return batch;
    }

    private static double Slope(Func<double> loss, GradientVariable variable, int index)
    {
        var value = variable[index];
        var step = 1e-5 * Math.Max(1, Math.Abs(value));
        variable[index] = value + step;
        var above = loss();
        variable[index] = value - step;
        var below = loss();
        variable[index] = value;
        return (above - below) / (2 * step);
    }

    private static string? FirstInPadding(Batch<double> batch)
    {
        for (var i = 0; i < batch.Data.Length; i++)
            if (GradientVariable.IsPadding(batch, i) && batch.Data.Span[i] != 0)
                return string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{batch.Data.Span[i]:g6} in frame {i / batch.F / batch.B} of utterance {i / batch.F % batch.B}"
                );
        return null;
    }
}
