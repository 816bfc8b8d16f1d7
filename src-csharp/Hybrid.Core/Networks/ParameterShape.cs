namespace Hybrid.Core;

/// <summary>The name and shape of a parameter of a network.</summary>
/// <param name="Name">Path within the network, as in <see cref="Parameter{TReal}.Name"/>.</param>
/// <param name="Shape">The sizes of the axes, outermost first.</param>
public readonly record struct ParameterShape(string Name, IReadOnlyList<int> Shape)
{
    /// <summary>Name and shape.</summary>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape)}]";

    /// <summary>
    /// The parameters of a network, in the order of <see cref="Network{TReal}.Parameters"/>, without building it: a
    /// file can be compared with its declaration before memory is taken.
    /// </summary>
    /// <param name="spec">A network without problems.</param>
    public static IEnumerable<ParameterShape> Of(NetworkSpec spec)
    {
        var features = spec.Inputs;
        foreach (var (path, layer) in spec.Layers)
        {
            foreach (var shape in Of(path, layer, features))
                yield return shape;
            features = layer.OutputFeatures(features);
        }
    }

    private static IEnumerable<ParameterShape> Of(string path, LayerSpec layer, int inputs) =>
        layer switch
        {
            LinearSpec linear => WithBias(path, linear.Bias, linear.Outputs, inputs),
            Conv1dSpec conv => WithBias(path, true, conv.Channels, inputs / conv.Groups, conv.Kernel),
            BatchNormSpec =>
            [
                .. WithBias(path, true, inputs),
                new($"{path}.running_mean", [inputs]),
                new($"{path}.running_var", [inputs]),
                new($"{path}.num_batches_tracked", []),
            ],
            LayerNormSpec => WithBias(path, true, inputs),
            SqueezeExciteSpec squeeze =>
            [
                new($"{path}.fc.0.weight", [inputs / squeeze.Reduction, inputs]),
                new($"{path}.fc.2.weight", [inputs, inputs / squeeze.Reduction]),
            ],
            ResidualSpec residual => Of(path, residual, inputs),
            RecurrentSpec recurrent => Of(path, recurrent, inputs),
            CustomLayerSpec custom => custom
                .Build<float>(inputs)
                .Parameters.Select(parameter => new ParameterShape($"{path}.{parameter.Name}", parameter.Shape)),
            _ => [],
        };

    private static IEnumerable<ParameterShape> Of(string path, ResidualSpec residual, int inputs)
    {
        var features = inputs;
        for (var i = 0; i < residual.Body.Count; i++)
        {
            foreach (var shape in Of($"{path}.body.{i}", residual.Body[i], features))
                yield return shape;
            features = residual.Body[i].OutputFeatures(features);
        }
        if (features != inputs)
            foreach (var shape in WithBias($"{path}.shortcut", true, features, inputs, 1))
                yield return shape;
    }

    private static IEnumerable<ParameterShape> Of(string path, RecurrentSpec recurrent, int inputs)
    {
        var gates = recurrent switch
        {
            LstmSpec => 4,
            GruSpec => 3,
            _ => 1,
        };
        var (rows, outputs) = (gates * recurrent.Hidden, recurrent.OutputFeatures(inputs));
        string[] directions = recurrent.Bidirectional ? ["", "_reverse"] : [""];
        for (var l = 0; l < recurrent.Layers; l++)
        {
            foreach (var suffix in directions.Select(direction => $"_l{l}{direction}"))
            {
                yield return new($"{path}.weight_ih{suffix}", [rows, l == 0 ? inputs : outputs]);
                yield return new($"{path}.weight_hh{suffix}", [rows, recurrent.Hidden]);
                yield return new($"{path}.bias_ih{suffix}", [rows]);
                yield return new($"{path}.bias_hh{suffix}", [rows]);
            }
        }
        for (var l = 0; recurrent.LayerNorm && l < recurrent.Layers; l++)
            foreach (var shape in WithBias($"{path}.layer_norm_l{l}", true, outputs))
                yield return shape;
    }

    private static ParameterShape[] WithBias(string path, bool bias, params int[] weight)
    {
        var shape = new ParameterShape($"{path}.weight", weight);
        return bias ? [shape, new ParameterShape($"{path}.bias", [weight[0]])] : [shape];
    }
}
