using System.Numerics;

namespace Hybrid.Core;

/// <summary>The kind of cell in a <see cref="RecurrentStack{TReal}"/>.</summary>
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

/// <summary>
/// A sequence and the states of a <see cref="RecurrentStack{TReal}"/>, or the gradients with respect to both.
/// </summary>
/// <param name="Sequence">Forward: the output. Backward: the gradient with respect to the input.</param>
/// <param name="State">
/// Forward: the states after the last step. Backward: the gradient with respect to the initial states.
/// </param>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly record struct RecurrentResult<TReal>(Batch<TReal> Sequence, CellState<TReal> State)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

/// <summary>
/// Multi-layer, optionally bidirectional RNN; the outputs of both directions are concatenated, [T, B, 2H]. The reverse
/// direction starts at the end of each utterance. Shapes and names of parameters are those of PyTorch's RNN, GRU and
/// LSTM. Derivation: RecurrentStack.md.
/// </summary>
/// <remarks>
/// There may be dropout between layers, with one mask for all frames of an utterance if it is locked (Gal and
/// Ghahramani 2016). The output of every layer may be normalised by a <see cref="LayerNorm{TReal}"/>, before the
/// dropout. A NaN makes the later frames of its utterance NaN, in the reverse direction the earlier ones, and no other
/// utterance.
/// </remarks>
/// <example>
/// <code>
/// var settings = new RecurrentSettings(128, Bidirectional: true);
/// var layer = new RecurrentStack&lt;float&gt;(CellKind.Lstm, inputs: 40, settings);
/// Batch&lt;float&gt; y = layer.Forward(x, new Pass(workspace)); // [T, B, 40] to [T, B, 256]
/// </code>
/// </example>
/// <typeparam name="TReal">Float or double.</typeparam>
public sealed class RecurrentStack<TReal> : Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int inputs,
        hidden;
    private readonly RecurrentLayer<TReal>[] layers;
    private readonly LayerNorm<TReal>[] norms;
    private readonly Dropout<TReal>[] dropouts;

    /// <summary>A stack of recurrent layers.</summary>
    /// <param name="kind">The kind of cell.</param>
    /// <param name="inputs">Features per frame, I.</param>
    /// <param name="settings">Sizes, directions, dropout and normalisation.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive, the dropout is not in [0, 1), the kind does not exist, or weights exceed the length of
    /// an array.
    /// </exception>
    public RecurrentStack(CellKind kind, int inputs, RecurrentSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.Layers, nameof(settings));
        (this.inputs, hidden) = (inputs, settings.Hidden);
        layers = new RecurrentLayer<TReal>[settings.Layers];
        for (var l = 0; l < layers.Length; l++)
        {
            var features = l == 0 ? inputs : OutputFeatures;
            layers[l] = new RecurrentLayer<TReal>(
                settings.Bidirectional
                    ? [Make(kind, features, hidden, $"_l{l}"), Make(kind, features, hidden, $"_l{l}_reverse")]
                    : [Make(kind, features, hidden, $"_l{l}")]
            );
        }
        norms = settings.LayerNorm
            ?
            [
                .. Enumerable
                    .Range(0, layers.Length)
                    .Select(l => AddChild($"layer_norm_l{l}", new LayerNorm<TReal>(OutputFeatures))),
            ]
            : [];
        dropouts =
        [
            .. Enumerable
                .Range(0, layers.Length - 1)
                .Select(l =>
                    AddChild($"dropout_l{l}", new Dropout<TReal>(OutputFeatures, settings.Dropout, settings.Locked))
                ),
        ];
        Parameters =
        [
            .. layers.SelectMany(layer => layer.Cells).SelectMany(cell => cell.Parameters),
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

    /// <summary>The forward pass with initial states; also returns the states after the last steps.</summary>
    /// <param name="x">[T, B, I]</param>
    /// <param name="initial">
    /// The states before the first steps, default for zeros: [L D B, H], the batch of layer 0, then of its reverse
    /// direction, of layer 1 and so on, as in PyTorch's [L D, B, H].
    /// </param>
    /// <param name="pass">Memory, threads and randomness.</param>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    public RecurrentResult<TReal> Forward(Batch<TReal> x, CellState<TReal> initial, Pass pass)
    {
        RequireFeatures(x, inputs, "RecurrentStack");
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

    /// <summary>The backward pass; also returns the gradient with respect to the initial states.</summary>
    /// <param name="dy">[T, B, D H], gradient with respect to the output.</param>
    /// <param name="dFinal">Gradient with respect to the states after the last steps; default for zeros.</param>
    /// <param name="pass">The pass of Forward.</param>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
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
