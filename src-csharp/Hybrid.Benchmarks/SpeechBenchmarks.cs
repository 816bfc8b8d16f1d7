using System.Diagnostics;
using Hybrid.Core;
using Hybrid.Speech;

namespace Hybrid.Benchmarks;

/// <summary>Benchmarks of features, decoding and training steps.</summary>
public static class SpeechBenchmarks
{
    private const int Symbols = 41,
        CheckedUtterances = 2,
        CheckedFrames = 100;
    private const ulong Seed = 7;

    /// <summary>MFCC of noise of a given length, without normalisation.</summary>
    public static Benchmark Features(double seconds) =>
        new("features", FormattableString.Invariant($"mfcc28_{seconds}s"), 0, _ =>
        {
            var extractor = new FeatureExtractor(FeaturePreset.Mfcc(28));
            var samples = KernelBenchmarks.Normal(1, (int)(seconds * 16000));
            for (var i = 0; i < samples.Length; i++)
                samples[i] *= 0.1f;
            var clip = new AudioClip(samples, 16000);
            var shifted = new AudioClip(samples[extractor.Preset.HopSamples..], 16000);
            float[] whole = extractor.ExtractRaw(clip),
                part = extractor.ExtractRaw(shifted);
            var error = part.Select((value, i) => Math.Abs(value - whole[i + extractor.Preset.Coefficients])).Max();
            WrongResultException.Require("a frame of the shifted clip", error, 1e-4);
            return () => extractor.ExtractRaw(clip);
        });

    /// <summary>Prefix beam search of all utterances in sequence, on the calling thread.</summary>
    /// <param name="name">The name of the data, such as <c>T400_C41</c>.</param>
    /// <param name="utterances">Log probabilities.</param>
    /// <param name="width">The beam width.</param>
    /// <param name="topSymbols">Symbols considered per frame; 0 for all.</param>
    /// <param name="expected">The expected labels; null to check only the scores.</param>
    public static Benchmark BeamSearch(
        string name,
        IReadOnlyList<LogProbs> utterances,
        int width,
        int topSymbols = 0,
        IReadOnlyList<int[]>? expected = null
    ) => new("beam-search", $"beam{width}_{name}{(topSymbols > 0 ? $"_top{topSymbols}" : "")}", 0, _ =>
        {
            var decoder = new PrefixBeamSearchDecoder(new PrefixBeamOptions { Width = width, TopSymbols = topSymbols });
            for (var u = 0; u < utterances.Count; u++)
            {
                var best = decoder.Decode(utterances[u])[0];
                if (expected is not null)
                    WrongResultException.Require(
                        $"utterance {u}",
                        EditDistance.Align(expected[u], best.Symbols).Distance,
                        0
                    );
                var exact = CtcLattice.Of(utterances[u], best.Symbols).LogLikelihood;
                WrongResultException.Require(
                    $"the score of utterance {u} above that of all its alignments",
                    best.Acoustic - exact,
                    1e-6
                );
            }
            return () =>
            {
                foreach (var utterance in utterances)
                    decoder.Decode(utterance);
            };
        });

    /// <summary>
    /// Synthetic posteriors for a beam search: noise with peaks, about as confident as a trained network.
    /// </summary>
    public static IReadOnlyList<LogProbs> Posteriors(int utterances, int frames)
    {
        var stream = new CounterRandom(Seed).Stream();
        var result = new List<LogProbs>();
        for (var u = 0; u < utterances; u++)
        {
            var logits = KernelBenchmarks.Normal((ulong)u, frames * Symbols);
            for (var t = 0; t < frames; t++)
                logits[t * Symbols + (t % 4 == 0 ? 1 + stream.Below(Symbols - 1) : 0)] += (float)(5 + stream.Normal());
            result.Add(LogProbs.FromLogits(logits, frames, Symbols));
        }
        return result;
    }

    /// <summary>A training step: forward, loss, backward, clipping, optimiser.</summary>
    public static Benchmark TrainingStep(string name, NetworkSpec spec, int B, int T, int S) =>
        new(
            "training-step",
            $"{name}_model_B{B}_T{T}_L{S}_step",
            3.0 * 2 * B * new Network<float>(spec).MultiplyAdds(T),
            team =>
            {
                var utterances = new RandomUtterances(spec.Inputs, B, T, S);
                var training = new TrainingSpec(
                    Seed,
                    1,
                    new BatchSize(B, B * T),
                    new AdamWSpec(1e-4),
                    new ConstantRate()
                );
                var trainer = new Trainer(new Network<float>(spec, Seed), training, utterances, utterances, team);
                var batch = LabelledBatch.Read(utterances, [.. Enumerable.Range(0, B)], team);
                Compare(spec, team);
                return () => trainer.Step(batch, 1e-4);
            }
        );

    /// <summary>
    /// The time of each layer and of the loss in a training step, forward and backward, in milliseconds.
    /// </summary>
    public static IReadOnlyList<(string Layer, double Milliseconds)> LayerTimes(
        NetworkSpec spec,
        int B,
        int T,
        int S,
        ThreadTeam team,
        int steps = 5
    )
    {
        var (network, workspace, loss) = (new Network<float>(spec, Seed), new Workspace(team), new CtcLoss());
        var (features, targets) = (KernelBenchmarks.Sequence(1, T, B, spec.Inputs), KernelBenchmarks.Targets(B, S));
        var names = spec.Layers.Select(layer => $"{layer.Path} {layer.Layer.Describe()}").Append("loss").ToArray();
        var times = names.Select(_ => new List<double>()).ToArray();
        for (var step = 0; step <= steps; step++)
        {
            var spent = new double[names.Length];
            void Add(int layer, Action work)
            {
                var begin = Stopwatch.GetTimestamp();
                work();
                spent[layer] += Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            }
            workspace.Reset();
            foreach (var parameter in network.Parameters)
                parameter.Invalidate();
            network.ClearGradients();
            var (x, pass) = (features, new Pass(workspace, Training: true, new CounterRandom((ulong)step)));
            for (var l = 0; l < network.Layers.Count; l++)
                Add(l, () => x = network.Layers[l].Forward(x, pass));
            Add(names.Length - 1, () => x = loss.Compute(x, targets, workspace).Gradient);
            for (var l = network.Layers.Count - 1; l >= 0; l--)
                Add(l, () => x = network.Layers[l].Backward(x, pass));
            // The first step allocates workspaces.
            for (var i = 0; step > 0 && i < spent.Length; i++)
                times[i].Add(spent[i]);
        }
        return [.. names.Zip(times, (name, all) => (name, all.Order().ElementAt(all.Count / 2)))];
    }

    /// <summary>Compares loss and gradients with those of the same network in double.</summary>
    private static void Compare(NetworkSpec spec, ThreadTeam team)
    {
        var (singles, single) = Gradients<float>(spec, team);
        var (doubles, reference) = Gradients<double>(spec, team);
        WrongResultException.Require("the loss", Math.Abs(single / reference - 1), 1e-4);
        var (difference, size) = (0.0, 0.0);
        foreach (var (a, b) in singles.Parameters.Zip(doubles.Parameters))
        {
            if (!a.IsTrainable)
                continue;
            var squared = KernelBenchmarks.SquaredGradients(a, b);
            (difference, size) = (difference + squared.Difference, size + squared.Size);
        }
        WrongResultException.Require("the gradient", Math.Sqrt(difference / size), 1e-2);
    }

    private static (Network<TReal> Network, double Loss) Gradients<TReal>(NetworkSpec spec, ThreadTeam team)
        where TReal : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<TReal>
    {
        var (network, workspace) = (new Network<TReal>(spec, Seed), new Workspace(team));
        var x = Array.ConvertAll(KernelBenchmarks.Normal(1, CheckedFrames * CheckedUtterances * spec.Inputs), value =>
            TReal.CreateTruncating(value)
        );
        var pass = new Pass(workspace, Training: true, new CounterRandom(Seed));
        var logits = network.Forward(new Batch<TReal>(x, CheckedFrames, CheckedUtterances, spec.Inputs), pass);
        var loss = new CtcLoss().Compute(logits, KernelBenchmarks.Targets(CheckedUtterances, 8), workspace);
        network.Backward(loss.Gradient, pass);
        return (network, loss.Loss);
    }

    private sealed class RandomUtterances(int features, int B, int T, int S) : IDataset
    {
        private readonly int[][] targets = KernelBenchmarks.Targets(B, S);

        public int Count => B;

        public int Features => features;

        public string Id(int index) => $"utterance {index}";

        public int Frames(int index) => T;

        public int[] Labels(int index) => targets[index];

        public void CopyFeatures(int index, Span<float> destination) =>
            KernelBenchmarks.Normal((ulong)index, destination.Length).CopyTo(destination);
    }
}
