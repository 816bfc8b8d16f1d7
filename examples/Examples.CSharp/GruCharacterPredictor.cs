using Hybrid.Core;

namespace Examples;

/// <summary>
/// A character language model: a GRU cell reads a text and predicts the next character. The cell is stepped explicitly,
/// forward and backward, and finally generates text.
/// </summary>
internal sealed class GruCharacterPredictor
{
    // The text is split into streams that are read in parallel, some characters at a time.
    private const int Hidden = 48,
        Streams = 16,
        Steps = 25;

    private readonly char[] alphabet;
    private readonly int[] symbols;
    private readonly GruCell<float> cell;
    private readonly Linear<float> projection;
    private readonly Parameter<float>[] parameters;
    private readonly Workspace workspace = new();

    private GruCharacterPredictor(string text)
    {
        alphabet = [.. text.Distinct().Order()];
        symbols = [.. text.Select(character => Array.IndexOf(alphabet, character))];
        cell = new GruCell<float>(alphabet.Length, Hidden);
        projection = new Linear<float>(Hidden, alphabet.Length);
        parameters = [.. cell.Parameters, .. projection.Parameters];
    }

    private int StreamLength => symbols.Length / Streams;

    public static void Run()
    {
        var random = new CounterRandom(6).Stream();
        var text = string.Concat(Enumerable.Range(0, 600).Select(_ => Sentence(random)));
        var model = new GruCharacterPredictor(text);
        var optimizer = new AdamWSpec().Build(model.parameters);
        var most = model.symbols.CountBy(symbol => symbol).Max(pair => pair.Value);
        Console.WriteLine(
            $"{model.alphabet.Length} characters; always predicting the most frequent one is wrong in "
                + $"{100 - 100.0 * most / text.Length:F1} %"
        );
        var error = 1.0;
        for (var epoch = 1; epoch <= 5; epoch++)
        {
            var carried = new float[Streams * Hidden];
            var results = new List<(double Loss, double Error)>();
            for (var start = 0; start < model.StreamLength - Steps; start += Steps)
            {
                foreach (var parameter in model.parameters)
                    parameter.ClearGradient();
                results.Add(model.Learn(start, carried));
                optimizer.Step(
                    1e-2,
                    GradientNorm.ClippingScale(GradientNorm.Of(model.parameters), 1.0),
                    model.workspace.Team
                );
            }
            error = results.Average(result => result.Error);
            Console.WriteLine(
                $"epoch {epoch}: {results.Average(result => result.Loss) / Math.Log(2):F2} bits per character, "
                    + $"wrong in {100 * error:F1} %"
            );
        }
        Console.WriteLine($"generated: {model.Write('.', 120, random)}");
        Console.WriteLine($"characters predicted wrongly: {100 * error:F1} %");
    }

    private static string Sentence(RandomStream random)
    {
        string Pick(params string[] words) => words[random.Below(words.Length)];
        string Someone() => Pick("the cat", "the dog", "a bird", "my fish");
        return $"{Someone()} {Pick("sees", "hears", "likes")} {Someone()}. ";
    }

    /// <summary>
    /// Truncated backpropagation from a position, with the initial state in <c>carried</c>, which receives the final
    /// one. Accumulates gradients; returns the loss and the share of wrong predictions.
    /// </summary>
    private (double Loss, double Error) Learn(int start, Memory<float> carried)
    {
        workspace.Reset();
        var pass = new Pass(workspace, Training: true);
        var h = new Batch<float>(workspace.Rent<float>(Steps * Streams * Hidden), Steps, Streams, Hidden);

        // Forward: each step starts from the state of the previous one.
        var taken = new CellStep<float>[Steps];
        var before = State(carried);
        for (var t = 0; t < Steps; t++)
        {
            taken[t] = cell.Forward(Frame(workspace, Read(start + t)), before, workspace);
            before = taken[t].State;
            before.H.Data.CopyTo(At(h, t));
        }
        At(h, Steps - 1).CopyTo(carried);

        // The projection is applied to all steps at once.
        var logits = projection.Forward(h, pass);
        int[] next = [.. Enumerable.Range(start + 1, Steps).SelectMany(Read)];
        var loss = SoftmaxCrossEntropy.Compute(logits.Matrix, next, workspace);
        var dh = projection.Backward(logits.With(loss.Gradient.Data, alphabet.Length), pass);

        // Backward: the gradient of a state is the sum of those of its own prediction and of the next step.
        var later = default(CellState<float>);
        for (var t = Steps - 1; t >= 0; t--)
        {
            var dAfter = At(dh, t);
            if (t < Steps - 1)
                for (var i = 0; i < dAfter.Length; i++)
                    dAfter.Span[i] += later.H.Data.Span[i];
            later = cell.Backward(taken[t], State(dAfter), workspace).Before;
        }

        int Guess(int row) => logits.Row(row / Streams, row % Streams) is var y ? y.IndexOf(y.ToArray().Max()) : 0;
        return (loss.Loss, next.Where((symbol, row) => Guess(row) != symbol).Count() / (double)next.Length);
    }

    /// <summary>
    /// Generates text: each character is sampled from the predicted distribution and read next. A step is valid until
    /// its workspace is reset, so two workspaces alternate.
    /// </summary>
    private string Write(char first, int count, RandomStream random)
    {
        Workspace[] turns = [new(), new()];
        var (state, symbol, written) = (default(CellState<float>), Array.IndexOf(alphabet, first), new List<char>());
        for (var i = 0; i < count; i++)
        {
            var scratch = turns[i % 2];
            scratch.Reset();
            state = cell.Forward(Frame(scratch, [symbol]), state, scratch).State;
            var logits = projection
                .Forward(new Batch<float>(state.H.Data, 1, 1, Hidden), new Pass(scratch))
                .Data.ToArray();
            double[] weights = [.. logits.Select(logit => Math.Exp(logit - logits.Max()))];
            var drawn = random.Uniform(0, weights.Sum());
            for (symbol = 0; symbol < weights.Length - 1 && drawn >= weights[symbol]; symbol++)
                drawn -= weights[symbol];
            written.Add(alphabet[symbol]);
        }
        return string.Concat(written);
    }

    /// <summary>The character at a position of each stream.</summary>
    private int[] Read(int position) =>
        [.. Enumerable.Range(0, Streams).Select(stream => symbols[stream * StreamLength + position])];

    /// <summary>Characters, one-hot.</summary>
    private MatrixView<float> Frame(Workspace workspace, int[] characters)
    {
        var x = workspace.RentZeroed<float>(characters.Length * alphabet.Length);
        for (var row = 0; row < characters.Length; row++)
            x.Span[row * alphabet.Length + characters[row]] = 1;
        return new MatrixView<float>(x, characters.Length, alphabet.Length);
    }

    private static Memory<float> At(Batch<float> batch, int t) =>
        batch.Data.Slice(t * Streams * Hidden, Streams * Hidden);

    private static CellState<float> State(Memory<float> data) => new(new MatrixView<float>(data, Streams, Hidden));
}
