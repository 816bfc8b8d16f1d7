using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Exponential moving average (EMA) of the weights, as data (Polyak and Juditsky 1992; in this form Tarvainen and
/// Valpola 2017). Validation and the model use the averaged weights; training continues with its own.
/// </summary>
/// <param name="Decay">Share of the average that remains at each update, in [0, 1).</param>
public sealed record AveragingSpec(double Decay = 0.999)
{
    /// <summary>Invalid settings; each a phrase with the setting, its value and the bound.</summary>
    public IEnumerable<string> Problems() => NumberProblems.BelowOne(Decay, "decay of the average");
}

/// <summary>Moving average of a network's weights. Derivation: WeightAverage.md.</summary>
/// <remarks>
/// Running statistics of batch normalisation are averaged like weights, to match the averaged weights; their count of
/// batches is copied.
/// </remarks>
public sealed class WeightAverage
{
    private readonly AveragingSpec spec;
    private readonly Slot[] slots;

    /// <summary>An average that starts at the network's current weights.</summary>
    public WeightAverage(AveragingSpec spec, Network<float> network)
    {
        this.spec = spec;
        slots = [.. network.Parameters.Select(parameter => new Slot(parameter, parameter.ToArray()))];
    }

    /// <summary>Adds the weights after an update to the average.</summary>
    /// <param name="updates">Number of the update, from 1.</param>
    /// <param name="team">Threads that share the work.</param>
    public void Update(long updates, ThreadTeam team)
    {
        // F2: a lower decay at first, or the random initial weights would dominate the average.
        var decay = Math.Min(spec.Decay, updates / (9.0 + updates));
        team.For(slots.Length, new MixJob(slots, (float)decay, (float)(1 - decay)));
    }

    /// <summary>Exchanges the average with the network's weights; a second call restores both.</summary>
    public void Exchange()
    {
        foreach (var (parameter, average) in slots)
        {
            var value = parameter.Elements;
            for (var i = 0; i < value.Length; i++)
                (value[i], average[i]) = (average[i], value[i]);
            parameter.Invalidate();
        }
    }

    /// <summary>The average, under the names of the network's weights.</summary>
    public IEnumerable<StoredTensor> Weights() =>
        slots.Select(slot => StoredTensor.FromSingles(slot.Parameter.Name, slot.Average, slot.Parameter.Shape));

    /// <summary>The average as tensors of a checkpoint.</summary>
    public IEnumerable<StoredTensor> Save() =>
        slots.Select(slot =>
            StoredTensor.FromSingles(Prefix + slot.Parameter.Name, slot.Average, slot.Parameter.Shape)
        );

    /// <summary>Restores the average from tensors of <see cref="Save"/>, by name.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        foreach (var (parameter, average) in slots)
            tensors.CopyTo(Prefix + parameter.Name, average);
    }

    /// <summary>Prefix of the names of all tensors of <see cref="Save"/>.</summary>
    internal const string Prefix = "average.";

    private readonly record struct Slot(Parameter<float> Parameter, float[] Average)
    {
        public unsafe void Mix(float keep, float fresh)
        {
            if (!Parameter.IsTrainable && Parameter.Shape.Count == 0)
            {
                Parameter.Elements.CopyTo(Average, 0);
                return;
            }
            fixed (
                float* average = Average,
                    value = Parameter.Elements
            )
                VectorLoop.Run<float, MixKernel>(Average.Length, new(average, value, keep, fresh));
        }
    }

    /// <summary>One parameter per index.</summary>
    private readonly record struct MixJob(Slot[] Slots, float Keep, float New) : ITeamJob
    {
        public void Run(int index) => Slots[index].Mix(Keep, New);
    }

    /// <summary>F1; equal values stay unchanged, which rounding might not guarantee: those of a frozen layer.</summary>
    private readonly unsafe struct MixKernel(float* average, float* value, float keep, float fresh) : IVectorKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TAccess>(int i, int left)
            where TAccess : struct, IVectorAccess
        {
            var (old, now) = (TAccess.Load(average + i, left), TAccess.Load(value + i, left));
            var mixed = VectorMath.MultiplyAdd(old, Vector512.Create(keep), now * fresh); // F1
            TAccess.Store(Vector512.ConditionalSelect(Vector512.Equals(old, now), old, mixed), average + i, left);
        }
    }
}
