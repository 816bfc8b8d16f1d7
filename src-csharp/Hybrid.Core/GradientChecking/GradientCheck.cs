namespace Hybrid.Core;

/// <summary>
/// Compares hand-derived gradients with central differences in double, (f(x + h) - f(x - h)) / 2h with
/// h = 1e-5 max(1, |x|). The loss is computed twice per element: use small layers.
/// </summary>
public static class GradientCheck
{
    // Unequal lengths, one of them a single frame, so that padding has no influence on a correct gradient only.
    private static readonly int[] Lengths = [11, 4, 1, 6];

    /// <summary>
    /// Checks the layer of a declaration in training and in evaluation, with random parameters and input.
    /// </summary>
    /// <param name="layer">The declaration.</param>
    /// <param name="inputs">Input features per frame.</param>
    /// <exception cref="ArgumentException">
    /// The layer cannot be built with this number of inputs; the message lists the problems.
    /// </exception>
    public static GradientReport CheckLayer(LayerSpec layer, int inputs = 6)
    {
        if (layer.Problems(inputs).ToList() is { Count: > 0 } problems)
            throw new ArgumentException(
                $"{layer.Describe()} with {inputs} input features: {string.Join("; ", problems)}",
                nameof(layer)
            );
        return CheckLayer(() => layer.Build<double>(inputs), inputs);
    }

    /// <summary>Checks a layer in training and in evaluation, with random parameters and input.</summary>
    /// <param name="layer">Creates the layer.</param>
    /// <param name="inputs">Input features per frame.</param>
    public static GradientReport CheckLayer(Func<Layer<double>> layer, int inputs)
    {
        GradientReport Check(bool training)
        {
            var created = layer();
            Randomize(created.Parameters);
            return CheckLayer(created, RandomBatch(training ? 1UL : 2UL, inputs, Lengths), training);
        }

        var (training, evaluation) = (Check(true), Check(false));
        IEnumerable<GradientDeviation> Named(GradientReport report, string mode) =>
            report.Deviations.Select(deviation => deviation with { Tensor = $"{deviation.Tensor}, {mode}" });
        return new GradientReport(
            [.. Named(training, "training"), .. Named(evaluation, "evaluation")],
            [.. training.ContractProblems.Union(evaluation.ContractProblems)]
        );
    }

    /// <summary>
    /// Checks the gradients of the input and of every trainable parameter of a layer, with its current parameters. Also
    /// checks the contract of <see cref="Layer{TReal}"/>: the input is not changed, and frames beyond an utterance's
    /// length are zero.
    /// </summary>
    /// <param name="layer">The layer; its gradients are overwritten.</param>
    /// <param name="x">The input, [T, B, inputs].</param>
    /// <param name="training">Whether the layer runs in training mode.</param>
    public static GradientReport CheckLayer(Layer<double> layer, Batch<double> x, bool training)
    {
        var pass = new Pass(new Workspace(new ThreadTeam(1)), training, new CounterRandom(5));
        var statistics = new RunningStatistics(layer.Parameters);
        Batch<double> Forward()
        {
            statistics.Restore();
            pass.Workspace.Reset();
            return layer.Forward(x, pass);
        }

        foreach (var parameter in layer.Parameters)
            parameter.ClearGradient();
        var (before, problems) = (x.Data.ToArray(), new List<string>());
        var y = Forward();
        if (!x.Data.Span.SequenceEqual(before))
            problems.Add("Forward changes its input");
        if (FirstInPadding(y) is { } inY)
            problems.Add($"Forward leaves {inY}, which is beyond the utterance's length and must be zero");

        // The loss is a weighted sum of the output, so its gradient is the weights.
        var weights = RandomBatch(77, y);
        var dx = layer.Backward(weights, pass);
        if (FirstInPadding(dx) is { } inDx)
            problems.Add($"Backward leaves {inDx}, which is beyond the utterance's length and must be zero");
        double Loss()
        {
            var output = Forward().Data.Span;
            var sum = 0.0;
            for (var i = 0; i < output.Length; i++)
                sum += output[i] * weights.Data.Span[i];
            return sum;
        }

        return CheckLoss(Loss, [GradientVariable.Of("input", x, dx), .. Trainable(layer.Parameters)]) with
        {
            ContractProblems = problems,
        };
    }

    /// <summary>
    /// Checks the gradients of all trainable parameters of a network in training, with CTC as its loss and random
    /// parameters, input and labels.
    /// </summary>
    /// <param name="spec">The declaration; use few units.</param>
    /// <exception cref="InvalidSpecException">The declaration has problems.</exception>
    public static GradientReport CheckNetwork(NetworkSpec spec)
    {
        var network = new Network<double>(spec);
        Randomize(network.Parameters);
        var lengths = Array.ConvertAll(Lengths, length => (int)Math.Ceiling(length * network.FrameMapping.Stride));
        var x = RandomBatch(4, spec.Inputs, lengths);
        var random = new CounterRandom(6).Stream();
        // Half as many labels as frames, so that most utterances are feasible, with repeats and an empty target.
        int[] Labels(int frames)
        {
            var labels = new int[network.OutputLength(frames) / 2];
            for (var i = 0; i < labels.Length; i++)
                labels[i] = 1 + random.Below(spec.Symbols - 1);
            return labels;
        }

        var targets = Array.ConvertAll(x.Lengths.ToArray(), Labels);
        var pass = new Pass(new Workspace(new ThreadTeam(1)), Training: true, new CounterRandom(5));
        var statistics = new RunningStatistics(network.Parameters);
        var loss = new CtcLoss(policy: InfeasiblePolicy.Skip);
        CtcResult<double> Compute()
        {
            statistics.Restore();
            pass.Workspace.Reset();
            return loss.Compute(network.Forward(x, pass), targets, pass.Workspace);
        }

        network.ClearGradients();
        network.Backward(Compute().Gradient, pass);
        return CheckLoss(() => Compute().Loss, Trainable(network.Parameters));
    }

    /// <summary>Checks the gradients of a loss.</summary>
    /// <param name="loss">Computes the loss from the current values of the variables.</param>
    /// <param name="variables">Tensors with the gradients to check.</param>
    public static GradientReport CheckLoss(Func<double> loss, IEnumerable<GradientVariable> variables)
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

    /// <summary>
    /// Gives all parameters random values, so that no initial value hides an error: uniform in [-0.8, 0.8), running
    /// statistics in [0.5, 1.5).
    /// </summary>
    public static void Randomize(IEnumerable<Parameter<double>> parameters)
    {
        foreach (var parameter in parameters)
        {
            var random = new CounterRandom(9).Fork(parameter.Name).Stream();
            for (var i = 0; i < parameter.Length; i++)
                parameter.Elements[i] = parameter.IsTrainable ? random.Uniform(-0.8, 0.8) : random.Uniform(0.5, 1.5);
            parameter.Invalidate();
        }
    }

    /// <summary>A batch of normally distributed features, [T, B, features], zero beyond each length.</summary>
    /// <param name="seed">Seed of the random numbers.</param>
    /// <param name="features">Features per frame.</param>
    /// <param name="lengths">Frames of each utterance.</param>
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

    private static IEnumerable<GradientVariable> Trainable(IEnumerable<Parameter<double>> parameters) =>
        parameters.Where(parameter => parameter.IsTrainable).Select(GradientVariable.Of);

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

    /// <summary>
    /// Running statistics, which every forward pass in training updates; restored so that all passes start from the
    /// same.
    /// </summary>
    private sealed class RunningStatistics(IEnumerable<Parameter<double>> parameters)
    {
        private readonly List<(Parameter<double> Parameter, double[] Value)> saved =
        [
            .. parameters
                .Where(parameter => !parameter.IsTrainable)
                .Select(parameter => (parameter, parameter.ToArray())),
        ];

        public void Restore()
        {
            foreach (var (parameter, value) in saved)
                value.CopyTo(parameter.Elements, 0);
        }
    }
}
