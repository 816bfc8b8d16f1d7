namespace Hybrid.Core;

/// <summary>Recurrent cells over time.</summary>
/// <param name="Hidden">Units per layer and direction.</param>
/// <param name="Bidirectional">Whether a second cell runs backwards beside each.</param>
/// <param name="Layers">Layers, one upon the other.</param>
/// <param name="Dropout">Probability that an element is dropped on its way to the next layer, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask of the dropout.</param>
/// <param name="LayerNorm">Whether the output of every layer is normalised, each frame for itself.</param>
public abstract record RecurrentSpec(
    int Hidden,
    bool Bidirectional,
    int Layers,
    double Dropout,
    bool Locked,
    bool LayerNorm
) : LayerSpec
{
    private protected abstract CellKind Kind { get; }

    /// <summary>The cell in a word, as in summaries.</summary>
    private protected abstract string Word { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (
            var problem in AtLeast(1, Hidden, "number of hidden units")
                .Concat(AtLeast(1, Layers, "number of layers", most: 100))
                .Concat(DropsSome(Dropout, "dropout"))
        )
            yield return problem;
        if (Dropout > 0 && Layers == 1)
            yield return "there is dropout between layers, but only one layer: use dropout as a layer of its own";
        if (Locked && Dropout == 0)
            yield return "the dropout is locked, but has no probability: give one";
    }

    internal override long LayerCount => Math.Max(1, Layers);

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => Bidirectional ? 2 * Hidden : Hidden;

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) =>
        new RecurrentStack<TReal>(Kind, inputs, Hidden, Bidirectional, Layers, Dropout, Locked, LayerNorm);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Concat(
            $"{(Bidirectional ? "b" : "")}{Word} {Hidden}",
            Layers == 1 ? "" : $", {Layers} layers",
            Dropout == 0 ? "" : $", {new DropoutSpec(Dropout, Locked).Describe()}",
            LayerNorm ? ", layer norm" : ""
        );
}

/// <summary>Simple recurrent cells over time.</summary>
/// <param name="Hidden">Units per layer and direction.</param>
/// <param name="Bidirectional">Whether a second cell runs backwards beside each.</param>
/// <param name="Layers">Layers, one upon the other.</param>
/// <param name="Dropout">Probability that an element is dropped on its way to the next layer, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask of the dropout.</param>
/// <param name="LayerNorm">Whether the output of every layer is normalised, each frame for itself.</param>
/// <param name="Nonlinearity">The function of the sum.</param>
public sealed record RnnSpec(
    int Hidden,
    bool Bidirectional = false,
    int Layers = 1,
    double Dropout = 0,
    bool Locked = false,
    bool LayerNorm = false,
    RnnNonlinearity Nonlinearity = RnnNonlinearity.Tanh
) : RecurrentSpec(Hidden, Bidirectional, Layers, Dropout, Locked, LayerNorm)
{
    private protected override CellKind Kind => Nonlinearity == RnnNonlinearity.Tanh ? CellKind.Rnn : CellKind.ReluRnn;

    private protected override string Word => Nonlinearity == RnnNonlinearity.Tanh ? "rnn" : "relu rnn";

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        base.Problems(inputs).Concat(Exists(Nonlinearity, "nonlinearity"));
}

/// <summary>Gated recurrent units over time.</summary>
/// <param name="Hidden">Units per layer and direction.</param>
/// <param name="Bidirectional">Whether a second cell runs backwards beside each.</param>
/// <param name="Layers">Layers, one upon the other.</param>
/// <param name="Dropout">Probability that an element is dropped on its way to the next layer, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask of the dropout.</param>
/// <param name="LayerNorm">Whether the output of every layer is normalised, each frame for itself.</param>
public sealed record GruSpec(
    int Hidden,
    bool Bidirectional = false,
    int Layers = 1,
    double Dropout = 0,
    bool Locked = false,
    bool LayerNorm = false
) : RecurrentSpec(Hidden, Bidirectional, Layers, Dropout, Locked, LayerNorm)
{
    private protected override CellKind Kind => CellKind.Gru;

    private protected override string Word => "gru";
}

/// <summary>Long short-term memory over time.</summary>
/// <param name="Hidden">Units per layer and direction.</param>
/// <param name="Bidirectional">Whether a second cell runs backwards beside each.</param>
/// <param name="Layers">Layers, one upon the other.</param>
/// <param name="Dropout">Probability that an element is dropped on its way to the next layer, in [0, 1).</param>
/// <param name="Locked">Whether all frames of an utterance share one mask of the dropout.</param>
/// <param name="LayerNorm">Whether the output of every layer is normalised, each frame for itself.</param>
public sealed record LstmSpec(
    int Hidden,
    bool Bidirectional = false,
    int Layers = 1,
    double Dropout = 0,
    bool Locked = false,
    bool LayerNorm = false
) : RecurrentSpec(Hidden, Bidirectional, Layers, Dropout, Locked, LayerNorm)
{
    private protected override CellKind Kind => CellKind.Lstm;

    private protected override string Word => "lstm";
}
