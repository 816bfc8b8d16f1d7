using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Settings of <see cref="AdamW"/>.</summary>
/// <param name="LearningRate">Step size, before the schedule.</param>
/// <param name="WeightDecay">Share of a weight that decays per unit of learning rate.</param>
/// <param name="Beta1">Memory of the mean gradient.</param>
/// <param name="Beta2">Memory of the mean squared gradient.</param>
/// <param name="Epsilon">Added to the root of the mean squared gradient.</param>
public sealed record AdamWSpec(double LearningRate = 1e-3, double WeightDecay = 1e-2, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public IEnumerable<string> Problems()
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (!(LearningRate > 0)) yield return string.Create(culture, $"learning rate is {LearningRate}, must be positive");
        if (!(WeightDecay >= 0)) yield return string.Create(culture, $"weight decay is {WeightDecay}, must not be negative");
        if (Beta1 is not (>= 0 and < 1)) yield return string.Create(culture, $"beta1 is {Beta1}, must be in [0, 1)");
        if (Beta2 is not (>= 0 and < 1)) yield return string.Create(culture, $"beta2 is {Beta2}, must be in [0, 1)");
        if (!(Epsilon > 0)) yield return string.Create(culture, $"epsilon is {Epsilon}, must be positive");
    }
}

/// <summary>Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019), as PyTorch's AdamW.</summary>
public sealed class AdamW
{
    private const int Piece = 1 << 14;

    private readonly AdamWSpec spec;
    private readonly Slot[] slots;
    private readonly (int Slot, int Start)[] pieces;

    /// <summary>An optimiser of the trainable ones among <paramref name="parameters"/>.</summary>
    public AdamW(AdamWSpec spec, IEnumerable<Parameter<float>> parameters)
    {
        this.spec = spec;
        slots = [.. parameters.Where(p => p.IsTrainable).Select(p => new Slot(p, new float[p.Length], new float[p.Length]))];
        pieces = [.. slots.SelectMany((slot, i) => Enumerable.Range(0, (slot.Mean.Length + Piece - 1) / Piece).Select(piece => (i, piece * Piece)))];
    }

    /// <summary>Steps taken so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Moves every parameter against its gradient.</summary>
    /// <param name="learningRate">Step size.</param>
    /// <param name="gradientScale">By what gradients are multiplied first; below 1 when they are clipped.</param>
    /// <param name="team">Threads to share the work.</param>
    public void Step(double learningRate, double gradientScale, ThreadTeam team)
    {
        Steps++;
        var update = new Update(
            (float)spec.Beta1, (float)(1 - spec.Beta1), (float)spec.Beta2, (float)(1 - spec.Beta2), (float)gradientScale, (float)(1 - learningRate * spec.WeightDecay),
            (float)(learningRate / (1 - Math.Pow(spec.Beta1, Steps))), (float)(1 / Math.Sqrt(1 - Math.Pow(spec.Beta2, Steps))), (float)spec.Epsilon);
        team.For(pieces.Length, (this, update), static (in (AdamW Optimizer, Update Update) s, int i) =>
        {
            var (index, start) = s.Optimizer.pieces[i];
            var slot = s.Optimizer.slots[index];
            var length = Math.Min(Piece, slot.Mean.Length - start);
            s.Update.Apply(slot.Parameter.Value.AsSpan(start, length), slot.Parameter.Gradient.AsSpan(start, length), slot.Mean.AsSpan(start, length), slot.Square.AsSpan(start, length));
        });
        foreach (var slot in slots) slot.Parameter.MarkChanged();
    }

    /// <summary>The running means, for a checkpoint.</summary>
    public IEnumerable<StoredTensor> Save()
    {
        foreach (var (parameter, mean, square) in slots)
        {
            yield return StoredTensor.FromSingles($"adamw.mean.{parameter.Name}", mean, parameter.Shape);
            yield return StoredTensor.FromSingles($"adamw.square.{parameter.Name}", square, parameter.Shape);
        }
    }

    /// <summary>Takes up what <see cref="Save"/> gave.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors, long steps)
    {
        foreach (var (parameter, mean, square) in slots)
        {
            Fetch($"adamw.mean.{parameter.Name}", mean);
            Fetch($"adamw.square.{parameter.Name}", square);
        }
        Steps = steps;

        void Fetch(string name, float[] target)
        {
            if (!tensors.TryGetValue(name, out var stored)) throw new FormatException($"tensor {name} is missing");
            var values = stored.ToSingles();
            if (values.Length != target.Length) throw new FormatException($"tensor {name} has {values.Length} elements instead of {target.Length}");
            values.CopyTo(target, 0);
        }
    }

    private readonly record struct Slot(Parameter<float> Parameter, float[] Mean, float[] Square);

    // New1 and New2 are 1 - Beta1 and 1 - Beta2, subtracted in double: in float, 1 - 0.999 is off by 1e-5.
    private readonly record struct Update(float Beta1, float New1, float Beta2, float New2, float GradientScale, float Keep, float Step, float SquareCorrection, float Epsilon)
    {
        public void Apply(Span<float> value, ReadOnlySpan<float> gradient, Span<float> mean, Span<float> square)
        {
            var width = Vector512<float>.Count;
            var i = 0;
            for (; i <= value.Length - width; i += width)
            {
                var g = Vector512.Create(gradient[i..]) * GradientScale;
                var m = VectorMath.MultiplyAdd(Vector512.Create<float>(mean[i..]), Vector512.Create(Beta1), g * New1);
                var s = VectorMath.MultiplyAdd(Vector512.Create<float>(square[i..]), Vector512.Create(Beta2), g * g * New2);
                var root = VectorMath.MultiplyAdd(Vector512.Sqrt(s), Vector512.Create(SquareCorrection), Vector512.Create(Epsilon));
                m.CopyTo(mean[i..]);
                s.CopyTo(square[i..]);
                (Vector512.Create<float>(value[i..]) * Keep - m * Step / root).CopyTo(value[i..]);
            }
            for (; i < value.Length; i++)
            {
                var g = gradient[i] * GradientScale;
                mean[i] = MathF.FusedMultiplyAdd(mean[i], Beta1, g * New1);
                square[i] = MathF.FusedMultiplyAdd(square[i], Beta2, g * g * New2);
                value[i] = value[i] * Keep - mean[i] * Step / MathF.FusedMultiplyAdd(MathF.Sqrt(square[i]), SquareCorrection, Epsilon);
            }
        }
    }
}
