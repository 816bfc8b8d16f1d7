using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// An exponential moving average (EMA) of the weights (Polyak and Juditsky 1992; in this form Tarvainen and Valpola
/// 2017), as data. The averaged weights are what is judged on the dev set and kept as the best model; training itself
/// goes on with its own.
/// </summary>
/// <param name="Decay">What stays of the average from one update to the next, in [0, 1).</param>
public sealed record AveragingSpec(double Decay = 0.999)
{
    /// <summary>What is wrong with the settings; each a clause naming the value.</summary>
    public IEnumerable<string> Problems() => NumberProblems.BelowOne(Decay, "decay of the average");
}

/// <summary>The moving average of a network's weights. Derivation: WeightAverage.md.</summary>
/// <remarks>
/// Running statistics of batch normalisation are averaged as weights are, so that they belong to the averaged weights;
/// their count of batches is taken over as it is.
/// </remarks>
public sealed class WeightAverage
{
    private readonly AveragingSpec spec;
    private readonly Slot[] slots;

    /// <summary>An average that begins with the network's weights as they are.</summary>
    public WeightAverage(AveragingSpec spec, Network<float> network)
    {
        this.spec = spec;
        slots = [.. network.Parameters.Select(parameter => new Slot(parameter, [.. parameter.Value]))];
    }

    /// <summary>Takes in the weights after an update.</summary>
    /// <param name="updates">Updates so far, this one included.</param>
    /// <param name="team">Threads to share the work.</param>
    public void Update(long updates, ThreadTeam team)
    {
        // F2: in the beginning the average must not be held back by the weights that were drawn at random.
        var decay = Math.Min(spec.Decay, updates / (9.0 + updates));
        team.For(slots.Length, new MixJob(slots, (float)decay, (float)(1 - decay)));
    }

    /// <summary>
    /// Puts the average into the network and keeps the network's own weights in its place; a second call takes it back.
    /// </summary>
    public void Exchange()
    {
        foreach (var (parameter, average) in slots)
        {
            var value = parameter.Value;
            for (var i = 0; i < value.Length; i++)
                (value[i], average[i]) = (average[i], value[i]);
            parameter.Invalidate();
        }
    }

    /// <summary>The average as the weights of a network.</summary>
    public IEnumerable<StoredTensor> Weights() =>
        slots.Select(slot => StoredTensor.FromSingles(slot.Parameter.Name, slot.Average, slot.Parameter.Shape));

    /// <summary>The average, for a checkpoint.</summary>
    public IEnumerable<StoredTensor> Save() =>
        slots.Select(slot =>
            StoredTensor.FromSingles(Prefix + slot.Parameter.Name, slot.Average, slot.Parameter.Shape)
        );

    /// <summary>Takes up what <see cref="Save"/> gave.</summary>
    /// <exception cref="FormatException">A tensor is missing or has another size.</exception>
    public void Load(IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        foreach (var (parameter, average) in slots)
            tensors.CopyTo(Prefix + parameter.Name, average);
    }

    /// <summary>How the names of all tensors begin that <see cref="Save"/> gives.</summary>
    internal const string Prefix = "average.";

    private readonly record struct Slot(Parameter<float> Parameter, float[] Average)
    {
        public unsafe void Mix(float keep, float fresh)
        {
            if (!Parameter.IsTrainable && Parameter.Shape.Count == 0)
            {
                Parameter.Value.CopyTo(Average, 0);
                return;
            }
            fixed (
                float* average = Average,
                    value = Parameter.Value
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
