using System.Numerics;
using Hybrid.Core;

namespace Hybrid.Benchmarks;

/// <summary>Benchmarks of matrix products, layers and losses.</summary>
public static class KernelBenchmarks
{
    private const int Symbols = 41,
        CheckedFrames = 40,
        CheckedElements = 200;

    private static (int T, int B, int S)[] Lattices => [(400, 32, 80), (800, 16, 150), (1600, 64, 195), (200, 64, 40)];

    /// <summary>The sizes of the comparison with other libraries in docs/performance.md.</summary>
    public static IReadOnlyList<Benchmark> All { get; } =
    [
        .. new[] { 256, 512, 1024, 2048 }.Select(size => Product(size, size, size, "NN")),
        Product(12800, 512, 2048, "NN"),
        Product(12800, 512, 2048, "NT"),
        Product(512, 12800, 2048, "TN"),
        .. new[] { (16, 256, 1024), (32, 256, 1024), (16, 512, 2048), (32, 512, 2048), (64, 512, 2048) }.Select(size =>
            RecurrentProduct(size.Item1, size.Item2, size.Item3)
        ),
        RecurrentTraining(16, 800, 256, new LstmSpec(256, Bidirectional: true)),
        RecurrentTraining(32, 400, 512, new LstmSpec(256, Bidirectional: true)),
        RecurrentTraining(16, 800, 256, new GruSpec(256, Bidirectional: true)),
        RecurrentInference(1, 800, 256, new LstmSpec(256, Bidirectional: true)),
        RecurrentInference(1, 800, 256, new GruSpec(256, Bidirectional: true)),
        Convolution(28, 64, 7, isFirst: true),
        Convolution(64, 128, 3),
        Convolution(256, 512, 3),
        .. Lattices.Select(size => Ctc(size.T, size.B, size.S)),
        .. Lattices.Select(size => Alignment(size.T, size.B, size.S)),
    ];

    /// <summary>C = A B for A [M, K] and B [K, N], each row-major (N) or stored transposed (T).</summary>
    public static Benchmark Product(int M, int K, int N, string form) =>
        new("gemm", $"{M}x{K}x{N}_{form}", 2.0 * M * K * N, team =>
        {
            var a = form[0] == 'T' ? Matrix(1, K, M).Transposed : Matrix(1, M, K);
            var b = form[1] == 'T' ? Matrix(2, N, K).Transposed : Matrix(2, K, N);
            var c = Matrix(3, M, N);
            return Checked(() => Gemm.Multiply(a, b, c, team: team), a, b, c);
        });

    /// <summary>C = A B with B packed in advance, as in recurrent layers.</summary>
    public static Benchmark RecurrentProduct(int M, int K, int N) =>
        new("recurrent-product", $"{M}x{K}x{N}_NN", 2.0 * M * K * N, team =>
        {
            MatrixView<float> a = Matrix(1, M, K),
                b = Matrix(2, K, N),
                c = Matrix(3, M, N);
            var packed = new PackedMatrix<float>(b);
            return Checked(() => Gemm.Multiply(a, packed, c, team: team), a, b, c);
        });

    /// <summary>A recurrent layer, forward and backward with all gradients.</summary>
    public static Benchmark RecurrentTraining(int B, int T, int I, RecurrentSpec spec) =>
        new("recurrent-training", Name(B, T, I, spec, "train"), 3 * Operations(B, T, I, spec), team =>
            Training(team, B, T, I, [spec])
        );

    private static Benchmark Growing(int B, int T, int H) =>
        RecurrentTraining(B, T, H, new LstmSpec(H, Bidirectional: true)) with
        {
            Group = "growth",
        };

    /// <summary>A recurrent layer, forward.</summary>
    public static Benchmark RecurrentInference(int B, int T, int I, RecurrentSpec spec) =>
        new("recurrent-inference", Name(B, T, I, spec, "infer"), Operations(B, T, I, spec), team =>
            Inference(team, B, T, I, spec)
        );

    /// <summary>
    /// A convolution with batch normalisation, forward and backward; without the input gradient if it is the first
    /// layer.
    /// </summary>
    public static Benchmark Convolution(
        int inputs,
        int outputs,
        int kernel,
        bool isFirst = false,
        int B = 16,
        int T = 800
    ) =>
        new(
            "convolution",
            $"conv1d_bn_{inputs}_{outputs}_k{kernel}_B{B}_T{T}_train",
            (isFirst ? 2.0 : 3.0) * 2 * B * new Conv1d<float>(inputs, outputs, kernel).MultiplyAdds(T),
            team => Training(team, B, T, inputs, [new Conv1dSpec(outputs, kernel), new BatchNormSpec()], isFirst)
        );

    /// <summary>Training of a recurrent layer for growing T, B and H.</summary>
    public static IReadOnlyList<Benchmark> Growth { get; } =
    [
        .. new[] { 200, 400, 800, 1600, 3200 }.Select(T => Growing(16, T, 256)),
        .. new[] { 1, 4, 16, 64, 128 }.Select(B => Growing(B, 400, 256)),
        .. new[] { 64, 128, 256, 512, 1024 }.Select(H => Growing(16, 200, H)),
    ];

    /// <summary>CTC loss and gradient over all alignments, from logits.</summary>
    public static Benchmark Ctc(int T, int B, int S) => new("ctc", $"ctc_T{T}_B{B}_C{Symbols}_L{S}", 0, team =>
        {
            var (logits, targets, workspace, loss) = (
                Sequence(1, T, B, Symbols),
                Targets(B, S),
                new Workspace(team),
                new CtcLoss(reduction: CtcReduction.Sum)
            );
            var result = loss.Compute(logits, targets, workspace);
            var lattice = CtcLattice.Of(LogProbs.FromLogits(logits, 0), targets[0]);
            WrongResultException.Require(
                "the loss",
                Math.Abs(result.Losses.Span[0] / -lattice.LogLikelihood - 1),
                1e-5
            );
            return () =>
            {
                workspace.Reset();
                loss.Compute(logits, targets, workspace);
            };
        });

    /// <summary>Forced alignment, one work item per utterance.</summary>
    public static Benchmark Alignment(int T, int B, int S) =>
        new("alignment", $"ctc_T{T}_B{B}_C{Symbols}_L{S}_fwd", 0, team =>
        {
            var (logits, targets, aligner) = (Sequence(1, T, B, Symbols), Targets(B, S), new CtcAligner());
            LogProbs[] logProbs = [.. Enumerable.Range(0, B).Select(b => LogProbs.FromLogits(logits, b))];
            var best = aligner.Align(logProbs[0], targets[0]);
            var along = 0.0;
            var next = 0;
            for (var t = 0; t < T; t++)
            {
                while (next < S && best.Labels[next].End <= t)
                    next++;
                along += logProbs[0][t][next < S && best.Labels[next].Start <= t ? targets[0][next] : 0];
            }
            WrongResultException.Require(
                "the score along the alignment",
                Math.Abs(along / best.LogProbability - 1),
                1e-5
            );
            return () =>
                team.For(
                    B,
                    (aligner, logProbs, targets),
                    static (in (CtcAligner Aligner, LogProbs[] LogProbs, int[][] Targets) s, int b) =>
                        s.Aligner.Align(s.LogProbs[b], s.Targets[b])
                );
        });

    /// <summary>Standard normal random numbers.</summary>
    internal static float[] Normal(ulong seed, int length)
    {
        var (values, stream) = (new float[length], new CounterRandom(seed).Stream());
        for (var i = 0; i < length; i++)
            values[i] = (float)stream.Normal();
        return values;
    }

    /// <summary>A batch of standard normal random numbers, all utterances of length T.</summary>
    internal static Batch<float> Sequence(ulong seed, int T, int B, int F) => new(Normal(seed, T * B * F), T, B, F);

    /// <summary>Random labels.</summary>
    internal static int[][] Targets(int B, int S)
    {
        var stream = new CounterRandom(7).Stream();
        return
        [
            .. Enumerable
                .Range(0, B)
                .Select(_ => Enumerable.Range(0, S).Select(_ => 1 + stream.Below(Symbols - 1)).ToArray()),
        ];
    }

    private static MatrixView<float> Matrix(ulong seed, int rows, int columns) =>
        new(Normal(seed, rows * columns), rows, columns);

    /// <summary>Compares random elements with products in double precision.</summary>
    private static Action Checked(Action multiply, MatrixView<float> a, MatrixView<float> b, MatrixView<float> c)
    {
        multiply();
        var stream = new CounterRandom(9).Stream();
        for (var n = 0; n < CheckedElements; n++)
        {
            var (i, j) = (stream.Below(c.Rows), stream.Below(c.Columns));
            var sum = 0.0;
            for (var k = 0; k < a.Columns; k++)
                sum += (double)At(a, i, k) * At(b, k, j);
            WrongResultException.Require(
                $"element ({i}, {j})",
                Math.Abs(sum - At(c, i, j)),
                1e-5 * Math.Sqrt(a.Columns) * 10
            );
        }
        return multiply;

        static float At(MatrixView<float> m, int i, int j) => m.Data.Span[i * m.RowStride + j * m.ColumnStride];
    }

    private static string Name(int B, int T, int I, RecurrentSpec spec, string what) =>
        (
            spec is LstmSpec ? "lstm"
            : spec is GruSpec ? "gru"
            : "rnn"
        ) + $"{(spec.Bidirectional ? "_bi" : "")}_B{B}_T{T}_I{I}_H{spec.Hidden}_{what}";

    private static double Operations(int B, int T, int I, RecurrentSpec spec) =>
        2.0 * B * spec.Build<float>(I).MultiplyAdds(T);

    private static Action Training(ThreadTeam team, int B, int T, int F, LayerSpec[] specs, bool isFirst = false)
    {
        Compare(team, B, Math.Min(T, CheckedFrames), F, specs);
        var layers = Build<float>(F, specs);
        Parameter<float>[] parameters = [.. layers.SelectMany(layer => layer.Parameters)];
        var (x, workspace) = (Sequence(1, T, B, F), new Workspace(team));
        var dy = Sequence(2, T, B, layers[^1].OutputFeatures);
        return () =>
        {
            workspace.Reset();
            foreach (var parameter in parameters)
            {
                // In training, the weights change at every step.
                parameter.Invalidate();
                if (parameter.IsTrainable)
                    parameter.ClearGradient();
            }
            Both(layers, x, dy, workspace, isFirst);
        };
    }

    private static Action Inference(ThreadTeam team, int B, int T, int F, LayerSpec spec)
    {
        Compare(team, B, Math.Min(T, CheckedFrames), F, [spec]);
        var layer = spec.Build<float>(F);
        var (x, workspace) = (Sequence(1, T, B, F), new Workspace(team));
        return () =>
        {
            workspace.Reset();
            layer.Forward(x, new Pass(workspace));
        };
    }

    /// <summary>
    /// Compares outputs and gradients with those of the same layers in double, which the tests compare with PyTorch.
    /// </summary>
    private static void Compare(ThreadTeam team, int B, int T, int F, LayerSpec[] specs)
    {
        var (singles, doubles) = (Build<float>(F, specs), Build<double>(F, specs));
        var (x, dy) = (Normal(1, T * B * F), Normal(2, T * B * singles[^1].OutputFeatures));
        Batch<TReal> Of<TReal>(float[] values, int features)
            where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
            new(Array.ConvertAll(values, value => TReal.CreateTruncating(value)), T, B, features);
        Both(singles, Of<float>(x, F), Of<float>(dy, dy.Length / T / B), new Workspace(team));
        Both(doubles, Of<double>(x, F), Of<double>(dy, dy.Length / T / B), new Workspace(team));
        foreach (
            var (single, reference) in singles
                .SelectMany(layer => layer.Parameters)
                .Zip(doubles.SelectMany(layer => layer.Parameters))
        )
        {
            if (!single.IsTrainable)
                continue;
            var (difference, size) = SquaredGradients(single, reference);
            WrongResultException.Require(
                $"the gradient of {single.Name}",
                Math.Sqrt(difference),
                1e-3 * Math.Sqrt(size) + 1e-3
            );
        }
    }

    /// <summary>Squared norms of the difference between a gradient and its reference, and of the reference.</summary>
    internal static (double Difference, double Size) SquaredGradients(
        Parameter<float> single,
        Parameter<double> reference
    )
    {
        var (difference, size) = (0.0, 0.0);
        for (var i = 0; i < single.Length; i++)
        {
            difference += Math.Pow(single.Gradient[i] - reference.Gradient[i], 2);
            size += Math.Pow(reference.Gradient[i], 2);
        }
        return (difference, size);
    }

    private static void Both<TReal>(
        Layer<TReal>[] layers,
        Batch<TReal> x,
        Batch<TReal> dy,
        Workspace workspace,
        bool isFirst = false
    )
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var pass = new Pass(workspace, Training: true);
        foreach (var layer in layers)
            x = layer.Forward(x, pass);
        for (var l = layers.Length - 1; l >= 0; l--)
            dy = layers[l].Backward(dy, pass with { SkipInputGradient = isFirst && l == 0 });
    }

    private static Layer<TReal>[] Build<TReal>(int inputs, LayerSpec[] specs)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var layers = new List<Layer<TReal>>();
        foreach (var spec in specs)
            layers.Add(spec.Build<TReal>(layers.Count == 0 ? inputs : layers[^1].OutputFeatures));
        return [.. layers];
    }
}
