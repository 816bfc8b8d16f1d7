using System.Text.Json.Serialization;

namespace Hybrid.Core;

/// <summary>How weights move, as data.</summary>
/// <param name="LearningRate">Step size, before the schedule.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "optimizer")]
[JsonDerivedType(typeof(SgdSpec), "sgd")]
[JsonDerivedType(typeof(AdamSpec), "adam")]
[JsonDerivedType(typeof(AdamWSpec), "adamW")]
public abstract record OptimizerSpec(double LearningRate)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public virtual IEnumerable<string> Problems() => NumberProblems.Positive(LearningRate, "learning rate");

    /// <summary>An optimiser of the trainable ones among <paramref name="parameters"/>, at its beginning.</summary>
    public abstract Optimizer Build(IEnumerable<Parameter<float>> parameters);
}

/// <summary>
/// Moves parameters against their gradients. What it remembers of each is kept in checkpoints; parameters that are frozen stay
/// as they are, and so does what is remembered of them. Equations: Optimizer.md.
/// </summary>
public abstract class Optimizer
{
    private const int Piece = 1 << 14;

    private readonly string[] memories;
    private readonly Slot[] slots;
    private readonly (int Slot, int Start)[] pieces;

    /// <summary>An optimiser of the trainable ones among <paramref name="parameters"/>.</summary>
    /// <param name="parameters">All parameters of a network.</param>
    /// <param name="memories">The names of what is remembered of each element: none, one or two numbers.</param>
    private protected Optimizer(IEnumerable<Parameter<float>> parameters, params string[] memories)
    {
        this.memories = memories;
        slots =
        [
            .. parameters
                .Where(p => p.IsTrainable)
                .Select(p => new Slot(p, [.. memories.Select(_ => new float[p.Length])])),
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

    /// <summary>Steps taken so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Moves every parameter that is not frozen against its gradient.</summary>
    /// <param name="learningRate">Step size.</param>
    /// <param name="gradientScale">By what gradients are multiplied first; below 1 when they are clipped.</param>
    /// <param name="team">Threads to share the work.</param>
    public void Step(double learningRate, double gradientScale, ThreadTeam team)
    {
        Steps++;
        Prepare(learningRate, gradientScale);
        team.For(pieces.Length, new Work(this), static (in Work work, int i) => work.Optimizer.Move(i));
        foreach (var slot in slots)
            if (!slot.Parameter.IsFrozen)
                slot.Parameter.Invalidate();
    }

    /// <summary>Computes what is the same for all elements of the step number <see cref="Steps"/>.</summary>
    private protected abstract void Prepare(double learningRate, double gradientScale);

    /// <summary>Moves elements; of <paramref name="first"/> and <paramref name="second"/> as many are empty as nothing is remembered in.</summary>
    private protected abstract void Apply(
        Span<float> value,
        ReadOnlySpan<float> gradient,
        Span<float> first,
        Span<float> second
    );

    private void Move(int piece)
    {
        var (index, start) = pieces[piece];
        var (parameter, memory) = slots[index];
        if (parameter.IsFrozen)
            return;
        var length = Math.Min(Piece, parameter.Length - start);
        Apply(parameter.Value.AsSpan(start, length), parameter.Gradient.AsSpan(start, length), Part(0), Part(1));

        Span<float> Part(int which) => which < memory.Length ? memory[which].AsSpan(start, length) : [];
    }

    /// <summary>What is remembered, for a checkpoint.</summary>
    public IEnumerable<StoredTensor> Save() =>
        from slot in slots
        from memory in memories.Zip(slot.Memory)
        select StoredTensor.FromSingles(Name(memory.First, slot), memory.Second, slot.Parameter.Shape);

    /// <summary>Takes up what <see cref="Save"/> gave.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors, long steps)
    {
        foreach (var slot in slots)
        foreach (var (memory, values) in memories.Zip(slot.Memory))
            tensors.CopyTo(Name(memory, slot), values);
        Steps = steps;
    }

    /// <summary>How the names of all tensors begin that <see cref="Save"/> gives.</summary>
    internal const string Prefix = "optimizer.";

    private static string Name(string memory, Slot slot) => $"{Prefix}{memory}.{slot.Parameter.Name}";

    private readonly record struct Slot(Parameter<float> Parameter, float[][] Memory);

    private readonly record struct Work(Optimizer Optimizer);
}

/// <summary>Tensors of a checkpoint by their names.</summary>
internal static class StoredTensors
{
    /// <summary>Copies a tensor's numbers to where they belong.</summary>
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
