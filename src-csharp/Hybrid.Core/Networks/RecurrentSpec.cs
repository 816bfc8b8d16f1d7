using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>A stack of recurrent layers.</summary>
/// <remarks>In JSON the settings are properties of the layer itself.</remarks>
public abstract record RecurrentSpec : LayerSpec
{
    private RecurrentSettings settings;

    private protected RecurrentSpec(RecurrentSettings settings) => this.settings = settings;

    /// <summary>Sizes, directions, dropout and normalisation.</summary>
    [JsonIgnore]
    public RecurrentSettings Settings
    {
        get => settings;
        init => settings = value;
    }

    /// <inheritdoc cref="RecurrentSettings.Hidden"/>
    [JsonInclude, JsonRequired]
    public int Hidden
    {
        get => settings.Hidden;
        internal set => settings = settings with { Hidden = value };
    }

    /// <inheritdoc cref="RecurrentSettings.Bidirectional"/>
    [JsonInclude]
    public bool Bidirectional
    {
        get => settings.Bidirectional;
        internal set => settings = settings with { Bidirectional = value };
    }

    /// <inheritdoc cref="RecurrentSettings.Layers"/>
    [JsonInclude]
    public int Layers
    {
        get => settings.Layers;
        internal set => settings = settings with { Layers = value };
    }

    /// <inheritdoc cref="RecurrentSettings.Dropout"/>
    [JsonInclude]
    public double Dropout
    {
        get => settings.Dropout;
        internal set => settings = settings with { Dropout = value };
    }

    /// <inheritdoc cref="RecurrentSettings.Locked"/>
    [JsonInclude]
    public bool Locked
    {
        get => settings.Locked;
        internal set => settings = settings with { Locked = value };
    }

    /// <inheritdoc cref="RecurrentSettings.LayerNorm"/>
    [JsonInclude]
    public bool LayerNorm
    {
        get => settings.LayerNorm;
        internal set => settings = settings with { LayerNorm = value };
    }

    /// <summary>Settings for JSON, which sets the properties afterwards.</summary>
    private protected static RecurrentSettings Unset => new(Hidden: 0);

    private protected abstract CellKind Kind { get; }

    /// <summary>The number of gates of the cell.</summary>
    private protected abstract int Gates { get; }

    /// <summary>The name of the cell in summaries.</summary>
    private protected abstract string Word { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs)
    {
        foreach (
            var problem in InRange(1, Hidden, "number of hidden units")
                .Concat(InRange(1, Layers, "number of layers", most: SpecLimits.RecurrentLayers))
                .Concat(IsProbability(Dropout, "dropout"))
        )
            yield return problem;
        if (Dropout > 0 && Layers == 1)
            yield return "there is dropout between layers, but only one layer: add a dropout layer instead";
        if (Locked && Dropout == 0)
            yield return "the dropout is locked, but its probability is 0: give a probability";
    }

    internal override long LayerCount => Math.Max(1, Layers);

    /// <inheritdoc/>
    public override int OutputFeatures(int inputs) => settings.Directions * Hidden;

    internal override void Measure(int inputs, ref NetworkSize size)
    {
        for (var l = 0; l < Layers; l++)
        {
            double features = l == 0 ? inputs : OutputFeatures(inputs),
                units = OutputFeatures(inputs);
            // Both weight matrices and biases; gates, states and output.
            size.Add(Gates * units * (features + Hidden + 2), units * (Gates + 4));
        }
    }

    /// <inheritdoc/>
    public override Layer<TReal> Build<TReal>(int inputs) => new RecurrentStack<TReal>(Kind, inputs, Settings);

    /// <inheritdoc/>
    public override string Describe() =>
        string.Concat(
            $"{(Bidirectional ? "b" : "")}{Word} {Hidden}",
            Layers == 1 ? "" : $", {Layers} layers",
            Dropout == 0 ? "" : $", {new DropoutSpec(Dropout, Locked).Describe()}",
            LayerNorm ? ", layer norm" : ""
        );
}

/// <summary>A stack of simple recurrent layers.</summary>
public sealed record RnnSpec : RecurrentSpec
{
    /// <summary>A stack with given settings.</summary>
    public RnnSpec(RecurrentSettings Settings, RnnNonlinearity Nonlinearity = RnnNonlinearity.Tanh)
        : base(Settings) => this.Nonlinearity = Nonlinearity;

    /// <summary>One layer.</summary>
    /// <inheritdoc cref="RecurrentSettings"/>
    public RnnSpec(int Hidden, bool Bidirectional = false, RnnNonlinearity Nonlinearity = RnnNonlinearity.Tanh)
        : this(new RecurrentSettings(Hidden, Bidirectional), Nonlinearity) { }

    [JsonConstructor]
    internal RnnSpec()
        : this(Unset) { }

    /// <summary>The function of the sum of both products.</summary>
    public RnnNonlinearity Nonlinearity { get; init; }

    private protected override CellKind Kind => Nonlinearity == RnnNonlinearity.Tanh ? CellKind.Rnn : CellKind.ReluRnn;

    private protected override int Gates => 1;

    private protected override string Word => Nonlinearity == RnnNonlinearity.Tanh ? "rnn" : "relu rnn";

    /// <inheritdoc/>
    public override IEnumerable<string> Problems(int inputs) =>
        base.Problems(inputs).Concat(Exists(Nonlinearity, "nonlinearity"));
}

/// <summary>A stack of gated recurrent unit (GRU) layers.</summary>
public sealed record GruSpec : RecurrentSpec
{
    /// <summary>A stack with given settings.</summary>
    public GruSpec(RecurrentSettings Settings)
        : base(Settings) { }

    /// <summary>One layer.</summary>
    /// <inheritdoc cref="RecurrentSettings"/>
    public GruSpec(int Hidden, bool Bidirectional = false)
        : this(new RecurrentSettings(Hidden, Bidirectional)) { }

    [JsonConstructor]
    internal GruSpec()
        : this(Unset) { }

    private protected override CellKind Kind => CellKind.Gru;

    private protected override int Gates => 3;

    private protected override string Word => "gru";
}

/// <summary>A stack of long short-term memory (LSTM) layers.</summary>
public sealed record LstmSpec : RecurrentSpec
{
    /// <summary>A stack with given settings.</summary>
    public LstmSpec(RecurrentSettings Settings)
        : base(Settings) { }

    /// <summary>One layer.</summary>
    /// <inheritdoc cref="RecurrentSettings"/>
    public LstmSpec(int Hidden, bool Bidirectional = false)
        : this(new RecurrentSettings(Hidden, Bidirectional)) { }

    [JsonConstructor]
    internal LstmSpec()
        : this(Unset) { }

    private protected override CellKind Kind => CellKind.Lstm;

    private protected override int Gates => 4;

    private protected override string Word => "lstm";
}
