using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Files of a training: the best model, the last two checkpoints, and the metrics of every update and epoch, a JSON
/// object per line.
/// </summary>
/// <param name="path">The folder; it is created when needed.</param>
public sealed class TrainingFolder(string path)
{
    // Metrics are written together with the next checkpoint: after a crash both describe the same updates.
    private readonly ArrayBufferWriter<byte> pending = new();

    /// <summary>The best model so far.</summary>
    public string Model => Path.Combine(path, "model.safetensors");

    /// <summary>The latest checkpoint; the previous one has the suffix <c>.previous</c>.</summary>
    public string Checkpoint => Path.Combine(path, "checkpoint.safetensors");

    /// <summary>The metrics of every update and epoch.</summary>
    public string Metrics => Path.Combine(path, "metrics.jsonl");

    /// <summary>Refuses a folder in which a training is running.</summary>
    /// <exception cref="IOException">The folder is in use; the message names process, host and time.</exception>
    public void RequireFree() => TrainingLock.RequireFree(path);

    /// <summary>Reserves the folder for this training until the lock is disposed.</summary>
    /// <exception cref="IOException">The folder is in use, or not writable.</exception>
    internal TrainingLock Acquire() => TrainingLock.Acquire(path);

    /// <summary>
    /// Moves the files of an earlier training to a new subfolder and returns its path; null if there are none.
    /// </summary>
    public string? MoveEarlierAside()
    {
        var files = Files.Where(file => File.Exists(file) || AtomicFile.IsLink(file)).ToList();
        if (files.Count == 0)
            return null;
        var number = Enumerable.Range(1, int.MaxValue).First(n => !Directory.Exists(Earlier(n)));
        Directory.CreateDirectory(Earlier(number));
        foreach (var file in files)
            File.Move(file, Path.Combine(Earlier(number), Path.GetFileName(file)));
        return Earlier(number);

        string Earlier(int n) => Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"earlier-{n}"));
    }

    /// <summary>
    /// Refuses symbolic links in place of files that a training writes: it would change the files they lead to.
    /// </summary>
    /// <exception cref="IOException">A file is a link; the message has its path.</exception>
    internal void RequireNoLinks()
    {
        if (Files.FirstOrDefault(AtomicFile.IsLink) is { } link)
            throw new IOException(
                $"{Quoted.Path(link)} is a symbolic link, and a training writes only files in its folder: "
                    + "replace it by the file itself"
            );
    }

    /// <summary>Removes the metrics of updates after a number of steps, which are going to be repeated.</summary>
    public void KeepMetricsUpTo(long steps)
    {
        if (InputFile.Length(Metrics) is not > 0)
            return;
        var kept = File.ReadLines(Metrics).Where(line => StepOf(line) <= steps).ToList();
        AtomicFile.Write(Metrics, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            foreach (var line in kept)
                writer.Write(line + "\n");
        });
    }

    /// <summary>Adds the metrics of an update.</summary>
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

    /// <summary>Adds the metrics of an epoch.</summary>
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

    /// <summary>Writes the added metrics and a checkpoint; all of it is on disk when the method returns.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="description">Additional metadata of the checkpoint.</param>
    /// <exception cref="IOException">A file cannot be written; the previous checkpoint stays usable.</exception>
    public void Save(Trainer trainer, IReadOnlyDictionary<string, string> description)
    {
        Directory.CreateDirectory(path);
        // Empty, or a named pipe, which would block.
        if (InputFile.Length(Metrics) == 0)
            File.Delete(Metrics);
        using (var metrics = new FileStream(Metrics, FileMode.Append, FileAccess.Write))
        {
            metrics.Write(pending.WrittenSpan);
            metrics.Flush(flushToDisk: true);
        }
        pending.Clear();
        Core.Checkpoint.Write(Checkpoint, trainer, description);
    }

    private string[] Files => [Model, Checkpoint, Core.Checkpoint.Previous(Checkpoint), Metrics];

    private void Add(Action<Utf8JsonWriter> write)
    {
        using (var json = new Utf8JsonWriter(pending))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        pending.Write("\n"u8);
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, Math.Round(value, 6));
        else
            json.WriteNull(name);
    }

    // A line that a crash cut off counts as none of the steps.
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
