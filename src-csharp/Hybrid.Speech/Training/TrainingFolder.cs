using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The files of a training: the best model, the last two checkpoints, and what every step showed, a JSON object per line.
/// </summary>
/// <param name="path">The folder; made when something is written.</param>
public sealed class TrainingFolder(string path)
{
    // Steps are written together with the next checkpoint, so that after a crash both tell the same story.
    private readonly StringBuilder pending = new();

    /// <summary>The best model so far.</summary>
    public string Model => Path.Combine(path, "model.safetensors");

    /// <summary>The latest checkpoint; the one before has <c>.previous</c> behind its name.</summary>
    public string Checkpoint => Path.Combine(path, "checkpoint.safetensors");

    /// <summary>What every step and epoch showed.</summary>
    public string Metrics => Path.Combine(path, "metrics.jsonl");

    /// <summary>Moves the files of an earlier training aside, so that nothing is lost; returns where they are, null if there were none.</summary>
    public string? MoveEarlierAside()
    {
        var files = new[] { Model, Checkpoint, Core.Checkpoint.Previous(Checkpoint), Metrics }
            .Where(File.Exists)
            .ToList();
        if (files.Count == 0)
            return null;
        var number = Enumerable.Range(1, int.MaxValue).First(n => !Directory.Exists(Earlier(n)));
        Directory.CreateDirectory(Earlier(number));
        foreach (var file in files)
            File.Move(file, Path.Combine(Earlier(number), Path.GetFileName(file)));
        return Earlier(number);

        string Earlier(int n) => Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"earlier-{n}"));
    }

    /// <summary>Drops the metrics of steps that are going to be taken again.</summary>
    public void KeepMetricsUpTo(long steps)
    {
        if (!File.Exists(Metrics))
            return;
        var kept = File.ReadLines(Metrics).Where(line => StepOf(line) <= steps).ToList();
        AtomicFile.Write(Metrics, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            foreach (var line in kept)
                writer.Write(line + "\n");
        });
    }

    /// <summary>Notes what a step showed.</summary>
    public void Add(TrainingProgress progress) =>
        Add(json =>
        {
            json.WriteNumber("step", progress.Steps);
            json.WriteNumber("epoch", progress.Epoch);
            Number(json, "loss", progress.Step.Loss);
            Number(json, "gradientNorm", progress.Step.GradientNorm);
            Number(json, "learningRate", progress.LearningRate);
            Number(json, "blankRatio", progress.Step.BlankRatio);
            Number(json, "meanOutputLength", progress.Step.MeanOutputLength);
            json.WriteNumber("infeasible", progress.Step.Infeasible);
            Number(json, "paddingShare", progress.Step.PaddingShare);
            Number(json, "framesPerSecond", progress.FramesPerSecond);
            Number(json, "elapsedSeconds", progress.Elapsed.TotalSeconds);
        });

    /// <summary>Notes what an epoch brought.</summary>
    public void Add(EpochReport report) =>
        Add(json =>
        {
            json.WriteNumber("step", report.Steps);
            json.WriteNumber("epoch", report.Epoch);
            Number(json, "trainLoss", report.TrainLoss);
            Number(json, "devLoss", report.DevLoss);
            Number(json, "devPer", report.DevPer);
            Number(json, "devDistance", report.DevDistance);
            Number(json, "elapsedSeconds", report.ElapsedSeconds);
        });

    /// <summary>Brings what was noted to the disk, and the state of a training.</summary>
    public void Save(Trainer trainer, IReadOnlyDictionary<string, string> description)
    {
        Directory.CreateDirectory(path);
        File.AppendAllText(Metrics, pending.ToString());
        pending.Clear();
        Core.Checkpoint.Write(Checkpoint, trainer, description);
    }

    private void Add(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        pending.Append(Encoding.UTF8.GetString(buffer.WrittenSpan)).Append('\n');
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, Math.Round(value, 6));
        else
            json.WriteNull(name);
    }

    // A line that a crash cut off belongs to no step.
    private static long StepOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception error)
            when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return long.MaxValue;
        }
    }
}
