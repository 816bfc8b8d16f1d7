using Hybrid.Core;
using Hybrid.Speech;

namespace Interop;

/// <summary>The examples of docs/csharp.md. A test compares them with the page, and runs them.</summary>
public static class DocumentedCalls
{
    /// <summary>Section "Recognise": phones of <c>recording.wav</c>, then hypotheses with other settings.</summary>
    public static void Recognize()
    {
        foreach (var phone in Recognizer.Default.Recognize(AudioClip.Read("recording.wav")).Phones)
            Console.WriteLine($"{phone.StartSeconds:F2} {phone.EndSeconds:F2} {phone.Label} {phone.Confidence:F2}");

        var recognizer = new Recognizer(SpeechModel.Default)
        {
            Beam = new PrefixBeamOptions { Width = 8, Best = 3 }, // null decodes greedily
            MinConfidence = 0, // keep every phone
        };
        foreach (var hypothesis in recognizer.Recognize(AudioClip.Read("recording.wav")).Hypotheses)
            Console.WriteLine($"{hypothesis.Total:F2} {hypothesis}");
    }

    /// <summary>Section "Align known words": a TextGrid of <c>recording.wav</c>.</summary>
    public static async Task Align()
    {
        var lexicon = Lexicon.Read("cmudict.txt");
        var aligner = new Aligner(Recognizer.Default, [lexicon]);
        var alignment = await aligner.AlignTextAsync("recording.wav", "that is the strange part of it");
        foreach (var word in alignment.Words)
            Console.WriteLine($"{word.StartSeconds:F2} {word.EndSeconds:F2} {word.Label}");

        File.WriteAllText("recording.TextGrid", TextGrid.Of(alignment).Write());
        File.WriteAllText("recording.json", ResultJson.Alignment(alignment));
    }

    /// <summary>Section "Many files": results of all sound files of the current folder.</summary>
    public static void ManyFiles()
    {
        var paths = SoundFiles.Find(".").Files;
        foreach (var (path, result, reason) in Recognizer.Default.RecognizeAll(paths))
            Console.WriteLine($"{path}: {result?.ToString() ?? reason}");

        var inputs = AlignmentInput.Of("."); // sound files with a .txt or .lab beside each, or a corpus
        foreach (var (id, alignment, reason) in new Aligner(Recognizer.Default).AlignAll(inputs))
            Console.WriteLine($"{id}: {reason ?? string.Join(' ', alignment!.Words.Select(word => word.Label))}");
    }

    /// <summary>
    /// Section "Cancellation, progress, errors": a recognition that ends after ten seconds at the latest.
    /// </summary>
    public static async Task Cancel()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            var result = await Recognizer.Default.RecognizeAsync("recording.wav", stop.Token);
            Console.WriteLine(result);
        }
        catch (Exception error) when (error is AudioFormatException or IOException or OperationCanceledException)
        {
            Console.Error.WriteLine(error.Message);
        }
    }

    /// <summary>Section "Posteriors": the most probable symbol of every frame of <c>recording.wav</c>.</summary>
    public static void Posteriors()
    {
        var recognizer = Recognizer.Default;
        var posteriors = recognizer.LogProbs(AudioClip.Read("recording.wav"));
        for (var t = 0; t < posteriors.T; t++)
        {
            ReadOnlySpan<float> frame = posteriors[t];
            var best = frame.IndexOf(System.Numerics.Tensors.TensorPrimitives.Max(frame));
            Console.WriteLine($"{recognizer.Model.Inventory.Symbols[best]} {Math.Exp(frame[best]):F2}");
        }
    }

    /// <summary>Section "Train and evaluate": two epochs on synthetic speech.</summary>
    public static void Train()
    {
        var corpus = SyntheticCorpus.Write("speech", utterances: 30, speakers: 10);
        var recipe = new Recipe(
            "mine",
            FeaturePreset.Mfcc(28),
            new NetworkSpec
            {
                Inputs = 28,
                Symbols = PhoneInventory.Arpabet.Count,
                Encoder =
                [
                    new Conv1dSpec(Channels: 48, Kernel: 5, Stride: 2),
                    new BatchNormSpec(),
                    new ActivationSpec(ActivationFunction.Relu),
                    new LstmSpec(Hidden: 64, Bidirectional: true),
                ],
                Decoder = [new LinearSpec(PhoneInventory.Arpabet.Count)],
            },
            new TrainingSpec
            {
                Epochs = 2,
                Batch = new BatchSize(Utterances: 4, Frames: 8000),
                Optimizer = new AdamWSpec { LearningRate = 6e-3 },
            }
        );
        var model = TrainingRun.Prepare(recipe, corpus).Run(new TrainingOptions(Folder: "run"));

        var (evaluation, skipped) = new Recognizer(model).Evaluate(corpus.Split("test"));
        Console.WriteLine($"PER {evaluation.Per:F1} %, {skipped.Count} utterances skipped");
    }
}
