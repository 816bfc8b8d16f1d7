using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>Settings of an optimiser, as data.</summary>
/// <param name="LearningRate">Step size, the maximum of the learning-rate schedule.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "optimizer")]
[JsonDerivedType(typeof(SgdSpec), "sgd")]
[JsonDerivedType(typeof(AdamSpec), "adam")]
[JsonDerivedType(typeof(AdamWSpec), "adamW")]
public abstract record OptimizerSpec(double LearningRate)
{
    /// <summary>Invalid settings; each a phrase with the setting, its value and the bound.</summary>
    public virtual IEnumerable<string> Problems() => NumberProblems.Positive(LearningRate, "learning rate");

    /// <summary>A new optimiser of the trainable ones of <paramref name="parameters"/>.</summary>
    public abstract Optimizer Build(IEnumerable<Parameter<float>> parameters);
}

/// <summary>
/// Updates parameters from their gradients. Its state is part of checkpoints. Frozen parameters and their state do not
/// change. Equations: Optimizer.md.
/// </summary>
public abstract class Optimizer
{
    private const int Piece = 1 << 14;

    private readonly bool decayWeightsOnly;
    private readonly string[] stateNames;
    private readonly Slot[] slots;
    private readonly (int Slot, int Start)[] pieces;

    /// <summary>An optimiser of the trainable ones of <paramref name="parameters"/>.</summary>
    /// <param name="parameters">All parameters of a network.</param>
    /// <param name="decayWeightsOnly">Whether weight decay spares tensors of fewer than two axes.</param>
    /// <param name="stateNames">
    /// Names of the state arrays of a parameter: none, one or two, each of the parameter's size.
    /// </param>
    private protected Optimizer(
        IEnumerable<Parameter<float>> parameters,
        bool decayWeightsOnly,
        params string[] stateNames
    )
    {
        this.decayWeightsOnly = decayWeightsOnly;
        this.stateNames = stateNames;
        slots =
        [
            .. parameters
                .Where(p => p.IsTrainable)
                .Select(p => new Slot(p, [.. stateNames.Select(_ => new float[p.Length])])),
        ];
        pieces =
        [
            .. slots.SelectMany(
                (slot, i) =>
                    Enumerable
                        .Range(0, IntMath.CeilDiv(slot.Parameter.Length, Piece))
                        .Select(piece => (i, piece * Piece))
            ),
        ];
    }

    /// <summary>Completed steps.</summary>
    public long Steps { get; private set; }

    /// <summary>Updates every parameter that is not frozen from its gradient.</summary>
    /// <param name="learningRate">Step size.</param>
    /// <param name="gradientScale">Factor of all gradients; below 1 to clip them.</param>
    /// <param name="team">Threads that share the work.</param>
    public void Step(double learningRate, double gradientScale, ThreadTeam team)
    {
        Steps++;
        Prepare(learningRate, gradientScale);
        team.For(pieces.Length, new PieceJob(this));
        foreach (var slot in slots)
            if (!slot.Parameter.IsFrozen)
                slot.Parameter.Invalidate();
    }

    /// <summary>Computes the factors that all elements of step <see cref="Steps"/> share.</summary>
    private protected abstract void Prepare(double learningRate, double gradientScale);

    /// <summary>Updates contiguous elements of a parameter.</summary>
    /// <param name="value">The elements.</param>
    /// <param name="gradient">Their gradient.</param>
    /// <param name="first">The first state array; empty if there is none.</param>
    /// <param name="second">The second state array; empty if there is none.</param>
    /// <param name="decays">Whether weight decay applies to the parameter.</param>
    private protected abstract void Apply(
        Span<float> value,
        ReadOnlySpan<float> gradient,
        Span<float> first,
        Span<float> second,
        bool decays
    );

    /// <summary>The state as tensors of a checkpoint.</summary>
    public IEnumerable<StoredTensor> Save() =>
        from slot in slots
        from state in stateNames.Zip(slot.State)
        select StoredTensor.FromSingles(Name(state.First, slot), state.Second, slot.Parameter.Shape);

    /// <summary>Restores the state from tensors of <see cref="Save"/>, by name.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors, long steps)
    {
        foreach (var slot in slots)
        foreach (var (name, values) in stateNames.Zip(slot.State))
            tensors.CopyTo(Name(name, slot), values);
        Steps = steps;
    }

    /// <summary>Prefix of the names of all tensors of <see cref="Save"/>.</summary>
    internal const string Prefix = "optimizer.";

    private static string Name(string state, Slot slot) => $"{Prefix}{state}.{slot.Parameter.Name}";

    private readonly record struct Slot(Parameter<float> Parameter, float[][] State);

    /// <summary>Updates one piece of one parameter.</summary>
    private readonly record struct PieceJob(Optimizer Optimizer) : ITeamJob
    {
        public void Run(int i)
        {
            var (index, start) = Optimizer.pieces[i];
            var (parameter, state) = Optimizer.slots[index];
            if (parameter.IsFrozen)
                return;
            var length = Math.Min(Piece, parameter.Length - start);
            Optimizer.Apply(
                parameter.Elements.AsSpan(start, length),
                parameter.Gradient.AsSpan(start, length),
                Part(0),
                Part(1),
                decays: !Optimizer.decayWeightsOnly || parameter.Shape.Count > 1
            );

            Span<float> Part(int which) => which < state.Length ? state[which].AsSpan(start, length) : [];
        }
    }
}

/// <summary>Tensors of a checkpoint, by name.</summary>
internal static class StoredTensors
{
    /// <summary>Copies the elements of a tensor.</summary>
    /// <exception cref="FormatException">The tensor is missing or has another size.</exception>
    public static void CopyTo(this IReadOnlyDictionary<string, StoredTensor> tensors, string name, float[] target)
    {
        if (!tensors.TryGetValue(name, out var stored))
            throw new FormatException($"tensor {name} is missing");
        var values = stored.ToSingles();
        if (values.Length != target.Length)
            throw new FormatException($"tensor {name} has {values.Length} elements instead of {target.Length}");
        values.CopyTo(target, 0);
    }
}
