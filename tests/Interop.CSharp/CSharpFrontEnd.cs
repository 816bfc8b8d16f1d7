using Hybrid.Core;
using Hybrid.Speech;

namespace Interop;

/// <summary>Typical uses of Hybrid in a C# program, called by the tests.</summary>
public static class CSharpFrontEnd
{
    /// <summary>A recipe, declared with object initialisers.</summary>
    public static Recipe Declare() =>
        new(
            "csharp",
            FeaturePreset.Mfcc(28),
            new NetworkSpec
            {
                Inputs = 28,
                Symbols = PhoneInventory.Arpabet.Count,
                Encoder =
                [
                    new Conv1dSpec(Channels: 24, Kernel: 5, Stride: 2),
                    new BatchNormSpec(),
                    new ActivationSpec(ActivationFunction.Relu),
                    new LstmSpec(Hidden: 24, Bidirectional: true),
                ],
                Decoder = [new LinearSpec(PhoneInventory.Arpabet.Count)],
            },
            new TrainingSpec
            {
                Seed = 11785,
                Epochs = 2,
                Batch = new BatchSize(Utterances: 4, Frames: 8000),
                Optimizer = new AdamWSpec { LearningRate = 4e-3 },
                LearningRate = new WarmUp(0.5, new CosineRate(Floor: 1e-5)),
                ClipGradients = 5,
            }
        );

    /// <summary>Trains the recipe in a folder with progress reports; returns the history of epochs.</summary>
    public static IReadOnlyList<EpochReport> Train(
        Corpus corpus,
        string folder,
        IProgress<TrainingProgress> steps,
        CancellationToken cancellation
    )
    {
        var run = TrainingRun.Prepare(Declare(), corpus, cancellation: cancellation);
        run.Run(new TrainingOptions(folder), new TrainingObserver(Steps: steps), cancellation);
        return run.History;
    }

    /// <summary>The phones of a file, as the JSON that all front ends write.</summary>
    public static string Recognize(string model, string file)
    {
        var clip = AudioClip.Read(file);
        return ResultJson.Recognitions([(file, Recognizer.Load(model).Recognize(clip.Samples, clip.SampleRate))]);
    }

    /// <summary>Recognises a file on several threads at once with one recogniser; one JSON text per thread.</summary>
    public static IReadOnlyList<string> RecognizeInParallel(string model, string file, int threads)
    {
        var (recognizer, clip, results) = (Recognizer.Load(model), AudioClip.Read(file), new string[threads]);
        using var together = new Barrier(threads);
        var started = Enumerable
            .Range(0, threads)
            .Select(i => new Thread(() =>
            {
                together.SignalAndWait();
                results[i] = ResultJson.Recognitions([(file, recognizer.Recognize(clip))]);
            }))
            .ToList();
        started.ForEach(thread => thread.Start());
        started.ForEach(thread => thread.Join());
        return results;
    }

    /// <summary>The phones of a file, asynchronously.</summary>
    public static async Task<string> RecognizeAsync(string model, string file, CancellationToken cancellation) =>
        ResultJson.Recognitions([(file, await Recognizer.Load(model).RecognizeAsync(file, cancellation))]);

    /// <summary>The alignment of a file with its text, asynchronously.</summary>
    public static Task<Alignment> AlignAsync(string model, string file, string text, CancellationToken cancellation) =>
        new Aligner(Recognizer.Load(model)).AlignTextAsync(file, text, cancellation);
}
