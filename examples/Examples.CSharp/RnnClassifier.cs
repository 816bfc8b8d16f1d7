using Hybrid.Core;

namespace Examples;

/// <summary>
/// An RNN classifier of vowels with two layers: its last state gives the class. All steps are explicit: forward, loss,
/// backward through time to the initial states, and the optimiser step.
/// </summary>
internal sealed class RnnClassifier
{
    private const int Bands = 8,
        Hidden = 24,
        Layers = 2,
        BatchSize = 32;

    // Four vowels as a ridge of energy over the bands: it stays low or high, rises, or falls. No single frame
    // distinguishes all of them, so the network needs memory.
    private static readonly (string Name, double First, double Last)[] Vowels =
    [
        ("AA", 2, 2),
        ("IY", 5, 5),
        ("AY", 2, 5),
        ("YA", 5, 2),
    ];

    private readonly RecurrentStack<float> rnn = new(CellKind.Rnn, Bands, new(Hidden, Layers: Layers));
    private readonly Linear<float> classifier = new(Hidden, Vowels.Length);

    // The initial states are trained, one per layer.
    private readonly Parameter<float> start = Parameter<float>.Constant("start", 0, Layers, Hidden);
    private readonly Parameter<float>[] parameters;
    private readonly Workspace workspace = new();

    private RnnClassifier() => parameters = [.. rnn.Parameters, .. classifier.Parameters, start];

    public static void Run()
    {
        var model = new RnnClassifier();
        var optimizer = new AdamWSpec().Build(model.parameters);
        var random = new CounterRandom(4).Stream();
        for (var step = 1; step <= 150; step++)
        {
            var (x, labels) = Speak(random);
            foreach (var parameter in model.parameters)
                parameter.ClearGradient();
            var loss = model.ForwardAndBackward(x, labels);
            var norm = GradientNorm.Of(model.parameters);
            optimizer.Step(5e-3, GradientNorm.ClippingScale(norm, 1.0), model.workspace.Team);
            if (step == 1 || step % 25 == 0)
                Console.WriteLine($"step {step}: loss {loss:F3}, norm of the gradient {norm:F3}");
        }
        var (unseen, truth) = Speak(new CounterRandom(5).Stream());
        Console.WriteLine($"error on unseen vowels: {100 * model.Error(unseen, truth):F1} % (guessing: 75 %)");
    }

    /// <summary>A batch of random utterances, 8 to 20 frames each, with their labels.</summary>
    private static (Batch<float> X, int[] Labels) Speak(RandomStream random)
    {
        var lengths = new int[BatchSize];
        var labels = new int[BatchSize];
        for (var b = 0; b < BatchSize; b++)
            (lengths[b], labels[b]) = (8 + random.Below(13), random.Below(Vowels.Length));
        var frames = lengths.Max();
        var x = new Batch<float>(
            new float[frames * BatchSize * Bands],
            frames,
            BatchSize,
            Bands,
            lengths,
            new ulong[BatchSize]
        );
        for (var b = 0; b < BatchSize; b++)
        for (var t = 0; t < lengths[b]; t++)
        {
            var (_, first, last) = Vowels[labels[b]];
            var center = first + (last - first) * t / (lengths[b] - 1);
            for (var band = 0; band < Bands; band++)
                x.Row(t, b)[band] = (float)(Math.Exp(-0.5 * (band - center) * (band - center)) + 0.5 * random.Normal());
        }
        return (x, labels);
    }

    /// <summary>
    /// The outputs of the upper layer for each frame, and the logits of the vowels from its last state.
    /// </summary>
    private (Batch<float> Outputs, Batch<float> Logits) Forward(Batch<float> x, Pass pass)
    {
        var initial = workspace.Rent<float>(Layers * x.B * Hidden);
        for (var row = 0; row < Layers * x.B; row++) // the lower layer first
            start.Value.Slice(row / x.B * Hidden, Hidden).CopyTo(initial.Span[(row * Hidden)..]);
        var result = rnn.Forward(x, new CellState<float>(new MatrixView<float>(initial, Layers * x.B, Hidden)), pass);
        var last = result.State.H.SliceRows((Layers - 1) * x.B, x.B);
        return (result.Sequence, classifier.Forward(new Batch<float>(last, 1, x.B), pass));
    }

    /// <summary>The loss of a batch; gradients of all parameters are accumulated.</summary>
    private double ForwardAndBackward(Batch<float> x, int[] labels)
    {
        workspace.Reset();
        var pass = new Pass(workspace, Training: true);
        var (outputs, logits) = Forward(x, pass);
        var loss = SoftmaxCrossEntropy.Compute(logits.Matrix, labels, workspace);
        var dLast = classifier.Backward(logits.With(loss.Gradient.Data, Vowels.Length), pass);

        // The loss depends only on the last state of the upper layer; all other output gradients are zero.
        var dOutputs = outputs.With(workspace.RentZeroed<float>(outputs.Data.Length), Hidden);
        var dFinal = workspace.RentZeroed<float>(Layers * x.B * Hidden);
        dLast.Data.CopyTo(dFinal[((Layers - 1) * x.B * Hidden)..]);
        var gradient = rnn.Backward(
            dOutputs,
            new CellState<float>(new MatrixView<float>(dFinal, Layers * x.B, Hidden)),
            pass
        );

        // All utterances share the initial states, so their gradients are summed.
        var dInitial = gradient.State.H.Data.Span;
        for (var i = 0; i < dInitial.Length; i++)
            start.Gradient[i / (x.B * Hidden) * Hidden + i % Hidden] += dInitial[i];
        return loss.Loss;
    }

    /// <summary>The share of utterances whose most probable vowel is wrong.</summary>
    private double Error(Batch<float> x, int[] labels)
    {
        workspace.Reset();
        var logits = Forward(x, new Pass(workspace)).Logits;
        return labels.Where((label, b) => logits.Row(0, b).IndexOf(logits.Row(0, b).ToArray().Max()) != label).Count()
            / (double)x.B;
    }
}
