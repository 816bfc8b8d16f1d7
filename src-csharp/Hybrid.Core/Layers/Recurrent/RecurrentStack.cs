using System.Numerics;

namespace Hybrid.Core;

/// <summary>The cells that <see cref="RecurrentStack{TReal}"/> takes through time.</summary>
public enum CellKind
{
    /// <summary><see cref="RnnCell{TReal}"/> with the hyperbolic tangent.</summary>
    Rnn,

    /// <summary><see cref="RnnCell{TReal}"/> with max(x, 0).</summary>
    ReluRnn,

    /// <summary><see cref="GruCell{TReal}"/></summary>
    Gru,

    /// <summary><see cref="LstmCell{TReal}"/></summary>
    Lstm,
}

/// <summary>A sequence and the states of a <see cref="RecurrentStack{TReal}"/>, or the gradients with respect to both.</summary>
/// <param name="Sequence">The output of Forward; the gradient with respect to the input of Backward.</param>
/// <param name="State">The states after the last step of Forward; the gradient with respect to the initial ones of Backward.</param>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly record struct RecurrentResult<TReal>(Batch<TReal> Sequence, CellState<TReal> State)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

/// <summary>
/// Takes cells through time, in any number of layers, each forwards or in both directions; the outputs of both stand side by
/// side, [T, B, 2H]. Utterances end at their own length: the reverse direction starts there. Shapes and names of parameters
/// are those of PyTorch's RNN, GRU and LSTM. Derivation: RecurrentStack.md.
/// </summary>
/// <remarks>
/// Between layers there may be dropout, with one mask for all frames of an utterance if it is locked (Gal and Ghahramani
/// 2016), and the output of every layer may be normalised by a <see cref="LayerNorm{TReal}"/>, before the dropout.
/// </remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class RecurrentStack<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs,
        hidden;
    private readonly RecurrentLayer<TReal>[] layers;
    private readonly LayerNorm<TReal>[] norms;
    private readonly Dropout<TReal>[] dropouts;

    /// <summary>Cells with <paramref name="hidden"/> units per layer and direction.</summary>
    /// <param name="kind">Which cell.</param>
    /// <param name="inputs">Features per frame.</param>
    /// <param name="hidden">Hidden units, H.</param>
    /// <param name="bidirectional">Whether a second cell runs backwards beside each.</param>
    /// <param name="layers">Layers, one upon the other.</param>
    /// <param name="dropout">Probability that an element is dropped on its way to the next layer, in [0, 1).</param>
    /// <param name="lockedDropout">Whether all frames of an utterance share one mask.</param>
    /// <param name="layerNorm">Whether the output of every layer is normalised.</param>
    public RecurrentStack(
        CellKind kind,
        int inputs,
        int hidden,
        bool bidirectional = false,
        int layers = 1,
        double dropout = 0,
        bool lockedDropout = false,
        bool layerNorm = false
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        (this.inputs, this.hidden) = (inputs, hidden);
        this.layers = new RecurrentLayer<TReal>[layers];
        for (var l = 0; l < layers; l++)
        {
            var features = l == 0 ? inputs : OutputFeatures;
            this.layers[l] = new RecurrentLayer<TReal>(
                bidirectional
                    ? [Make(kind, features, hidden, $"_l{l}"), Make(kind, features, hidden, $"_l{l}_reverse")]
                    : [Make(kind, features, hidden, $"_l{l}")]
            );
        }
        norms = layerNorm
            ?
            [
                .. Enumerable
                    .Range(0, layers)
                    .Select(l => AddChild($"layer_norm_l{l}", new LayerNorm<TReal>(OutputFeatures))),
            ]
            : [];
        dropouts =
        [
            .. Enumerable
                .Range(0, layers - 1)
                .Select(l => AddChild($"dropout_l{l}", new Dropout<TReal>(OutputFeatures, dropout, lockedDropout))),
        ];
        Parameters =
        [
            .. this.layers.SelectMany(layer => layer.Cells).SelectMany(cell => cell.Parameters),
            .. norms.SelectMany(norm => norm.Parameters),
        ];
    }

    /// <inheritdoc/>
    public override int OutputFeatures => layers[0].OutputFeatures;

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) =>
        frames * layers.SelectMany(layer => layer.Cells).Sum(cell => (long)cell.GateSize * (cell.Inputs + cell.Hidden));

    internal override bool CanSkipInputGradient => true;

    /// <inheritdoc/>
    public override Batch<TReal> Forward(Batch<TReal> x, Pass pass) => Forward(x, default, pass).Sequence;

    /// <inheritdoc/>
    public override Batch<TReal> Backward(Batch<TReal> dy, Pass pass) => Backward(dy, default, pass).Sequence;

    /// <summary>The same from given states; returns the states after the last steps too.</summary>
    /// <param name="x">[T, B, I]</param>
    /// <param name="initial">
    /// The states before the first steps, zero where left out: [L D B, H], the batch of layer 0, then of its reverse, of layer
    /// 1 and so on, as in PyTorch's [L D, B, H].
    /// </param>
    /// <param name="pass">Memory, threads and randomness.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    public RecurrentResult<TReal> Forward(Batch<TReal> x, CellState<TReal> initial, Pass pass)
    {
        RequireFeatures(x, inputs, "Recurrent");
        var states = layers[0].RentStates(layers.Length, x.B, pass.Workspace);
        initial.CopyTo(states, hidden);
        for (var l = 0; l < layers.Length; l++)
        {
            x = layers[l].Forward(x, OfLayer(states, l), pass);
            if (norms.Length > 0)
                x = norms[l].Forward(x, pass);
            if (l < dropouts.Length)
                x = dropouts[l].Forward(x, pass);
        }
        return new RecurrentResult<TReal>(x, CellState<TReal>.Of(states, hidden));
    }

    /// <summary>The reverse, with gradients with respect to the initial states.</summary>
    /// <param name="dy">[T, B, D H], gradient with respect to the output.</param>
    /// <param name="dFinal">Gradient with respect to the states after the last steps; zero where left out.</param>
    /// <param name="pass">That of Forward.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    public RecurrentResult<TReal> Backward(Batch<TReal> dy, CellState<TReal> dFinal, Pass pass)
    {
        var dStates = layers[0].RentStates(layers.Length, dy.B, pass.Workspace);
        dFinal.CopyTo(dStates, hidden);
        for (var l = layers.Length - 1; l >= 0; l--)
        {
            if (l < dropouts.Length)
                dy = dropouts[l].Backward(dy, pass);
            if (norms.Length > 0)
                dy = norms[l].Backward(dy, pass);
            dy = layers[l]
                .Backward(dy, OfLayer(dStates, l), pass with { SkipInputGradient = pass.SkipInputGradient && l == 0 });
        }
        return new RecurrentResult<TReal>(dy, CellState<TReal>.Of(dStates, hidden));
    }

    private MatrixView<TReal> OfLayer(MatrixView<TReal> states, int layer)
    {
        var rows = states.Rows / layers.Length;
        return states.SliceRows(layer * rows, rows);
    }

    private static Cell<TReal> Make(CellKind kind, int inputs, int hidden, string suffix) =>
        kind switch
        {
            CellKind.Rnn => new RnnCell<TReal>(inputs, hidden, RnnNonlinearity.Tanh, suffix),
            CellKind.ReluRnn => new RnnCell<TReal>(inputs, hidden, RnnNonlinearity.Relu, suffix),
            CellKind.Gru => new GruCell<TReal>(inputs, hidden, suffix),
            CellKind.Lstm => new LstmCell<TReal>(inputs, hidden, suffix),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such cell"),
        };
}
