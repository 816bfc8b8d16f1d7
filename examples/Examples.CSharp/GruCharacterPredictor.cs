using Hybrid.Core;

namespace Examples;

/// <summary>
/// What comes next? A GRU cell reads a text character by character and predicts the following one. The cell is stepped by hand,
/// forwards and backwards, and in the end it writes by itself.
/// </summary>
internal sealed class GruCharacterPredictor
{
    // The text is cut into streams that are read side by side, some characters at a time.
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
            $"{model.alphabet.Length} characters; always guessing the commonest is wrong in {100 - 100.0 * most / text.Length:F1} %"
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
                $"epoch {epoch}: {results.Average(result => result.Loss) / Math.Log(2):F2} bits per character, wrong in {100 * error:F1} %"
            );
        }
        Console.WriteLine($"it writes: {model.Write('.', 120, random)}");
        Console.WriteLine($"characters predicted wrongly: {100 * error:F1} %");
    }

    private static string Sentence(RandomStream random)
    {
        string Pick(params string[] words) => words[random.Below(words.Length)];
        string Someone() => Pick("the cat", "the dog", "a bird", "my fish");
        return $"{Someone()} {Pick("sees", "hears", "likes")} {Someone()}. ";
    }

    /// <summary>
    /// Reads from a place on, beginning with the state that is carried, and leaves there the one to go on with. Adds to the
    /// gradients and returns loss and share of wrong predictions.
    /// </summary>
    private (double Loss, double Error) Learn(int start, Memory<float> carried)
    {
        workspace.Reset();
        var pass = new Pass(workspace, Training: true);
        var h = new Batch<float>(workspace.Rent<float>(Steps * Streams * Hidden), Steps, Streams, Hidden);

        // Forwards: each step begins with the state that the one before has left.
        var taken = new CellStep<float>[Steps];
        var before = State(carried);
        for (var t = 0; t < Steps; t++)
        {
            taken[t] = cell.Forward(Frame(workspace, Read(start + t)), before, workspace);
            before = taken[t].State;
            before.H.Data.CopyTo(At(h, t));
        }
        At(h, Steps - 1).CopyTo(carried);

        // The projection sees all steps at once.
        var logits = projection.Forward(h, pass);
        int[] next = [.. Enumerable.Range(start + 1, Steps).SelectMany(Read)];
        var loss = SoftmaxCrossEntropy.Compute(logits.Matrix, next, workspace);
        var dh = projection.Backward(logits.With(loss.Gradient.Data, alphabet.Length), pass);

        // Backwards: a state answers for its own prediction and for all that follows.
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
    /// Each character is drawn as probable as the cell finds it, and is what the cell reads next. A step lives in its workspace
    /// until that is reset, so two of them take turns.
    /// </summary>
    private string Write(char first, int count, RandomStream random)
    {
        Workspace[] turns = [new(), new()];
        var (state, symbol, written) = (default(CellState<float>), Array.IndexOf(alphabet, first), new List<char>());
        for (var i = 0; i < count; i++)
        {
            var own = turns[i % 2];
            own.Reset();
            state = cell.Forward(Frame(own, [symbol]), state, own).State;
            var logits = projection.Forward(new Batch<float>(state.H.Data, 1, 1, Hidden), new Pass(own)).Data.ToArray();
            double[] weights = [.. logits.Select(logit => Math.Exp(logit - logits.Max()))];
            var drawn = random.Uniform(0, weights.Sum());
            for (symbol = 0; symbol < weights.Length - 1 && drawn >= weights[symbol]; symbol++)
                drawn -= weights[symbol];
            written.Add(alphabet[symbol]);
        }
        return string.Concat(written);
    }

    /// <summary>The character at a place of every stream.</summary>
    private int[] Read(int place) =>
        [.. Enumerable.Range(0, Streams).Select(stream => symbols[stream * StreamLength + place])];

    /// <summary>Characters as rows with a single 1.</summary>
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
