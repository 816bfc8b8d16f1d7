using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Results as JSON, byte-identical from C#, scripts and the command line. Times are in seconds, rounded to 0.1 ms.
/// Numbers that are not finite are null.
/// </summary>
public static class ResultJson
{
    private static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The last part of <see cref="RecognitionParts"/> that is not empty.</summary>
    public static string RecognitionsEnd => "\n]";

    /// <summary>
    /// Results of recognition: an array of objects with file, duration and hypotheses, the best first. Each hypothesis
    /// has its scores, which are natural logarithms, and its phones.
    /// </summary>
    public static string Recognitions(IEnumerable<(string File, RecognitionResult Result)> results) =>
        Write(json => WriteArray(json, null, results, item =>
            {
                json.WriteString("file", item.File);
                json.WriteNumber("durationSeconds", Rounded(item.Result.DurationSeconds));
                WriteArray(json, "hypotheses", item.Result.Hypotheses, hypothesis =>
                {
                    WriteNumber(json, "logProbability", hypothesis.LogProbability);
                    WriteNumber(json, "languageModel", hypothesis.LanguageModel);
                    WriteNumber(json, "lengthBonus", hypothesis.LengthBonus);
                    WriteNumber(json, "total", hypothesis.Total);
                    WriteIntervals(json, "phones", "phone", hypothesis.Phones);
                });
            }));

    /// <summary>
    /// The text of <see cref="Recognitions"/> in parts, one for each result and one for the end, so that the results
    /// need not be in memory together.
    /// </summary>
    public static IEnumerable<string> RecognitionParts(IEnumerable<(string File, RecognitionResult Result)> results)
    {
        var separator = '[';
        foreach (var result in results)
        {
            // An array of one result without its brackets.
            yield return separator + Recognitions([result])[1..^RecognitionsEnd.Length];
            separator = ',';
        }
        yield return separator == ',' ? RecognitionsEnd : "[]";
    }

    /// <summary>An alignment: an object with id, duration, log probability, words and phones.</summary>
    public static string Alignment(Alignment alignment) =>
        Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", alignment.Id);
            json.WriteNumber("durationSeconds", Rounded(alignment.DurationSeconds));
            WriteNumber(json, "logProbability", alignment.LogProbability);
            WriteIntervals(json, "words", "word", alignment.Words);
            WriteIntervals(json, "phones", "phone", alignment.Phones);
            WriteTexts(json, "guessedWords", alignment.GuessedWords);
            json.WriteEndObject();
        });

    /// <summary>Reads the JSON of <see cref="Alignment"/>.</summary>
    /// <exception cref="FormatException">
    /// The text is not such JSON, or times are invalid; the message has the place.
    /// </exception>
    public static Alignment ReadAlignment(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new() { AllowDuplicateProperties = false });
            var root = document.RootElement;
            var duration = Time(root, "durationSeconds", double.MaxValue);
            return new Alignment(
                Text(root, "id"),
                duration,
                Intervals(root, "words", "word", duration),
                Intervals(root, "phones", "phone", duration),
                Number(root, "logProbability")
            )
            {
                // Files of version 0.1 lack it.
                GuessedWords = root.TryGetProperty("guessedWords", out var guessed)
                    ? [.. guessed.EnumerateArray().Select(word => word.GetString() ?? "")]
                    : [],
            };
        }
        // JsonElement throws one of the last two for a missing property or another type.
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"not an alignment as JSON: {Quoted.Message(error)}", error);
        }
    }

    /// <summary>
    /// An evaluation: counts, error rate in percent, loss in nats per label, and confusions in descending order of
    /// frequency. A null phone is that of an insertion or a deletion.
    /// </summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="inventory">The names of the symbols.</param>
    /// <param name="skipped">Utterances that could not be used.</param>
    /// <param name="fold">A fold whose figures are added; null for none.</param>
    /// <exception cref="FormatException">The fold lacks a phone.</exception>
    public static string Evaluation(
        Evaluation evaluation,
        PhoneInventory inventory,
        IReadOnlyList<SkippedUtterance> skipped,
        Fold? fold = null
    ) =>
        Write(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("utterances", evaluation.Utterances.Count);
            WriteFigures(json, evaluation, "none");
            WriteNumber(json, "loss", evaluation.Loss);
            if (fold is not null)
            {
                json.WriteStartObject("folded");
                WriteFigures(json, fold.Apply(evaluation, inventory), fold.Name);
                json.WriteEndObject();
            }
            string? Name(int label) => label == ConfusionMatrix.None ? null : inventory.Symbols[label];
            WriteArray(json, "confusions", evaluation.ConfusionMatrix().Errors, error =>
            {
                json.WriteString("reference", Name(error.Reference));
                json.WriteString("hypothesis", Name(error.Hypothesis));
                json.WriteNumber("count", error.Count);
            });
            WriteSkipped(json, "leftOut", skipped);
            json.WriteEndObject();
        });

    /// <summary>
    /// The findings of corpus validation; lengths in seconds or hours, levels in dB, null for silence.
    /// </summary>
    public static string Check(CorpusValidation check) =>
        Write(json =>
        {
            json.WriteStartObject();
            WriteArray(json, "splits", check.Splits, split =>
            {
                json.WriteString("name", split.Name);
                json.WriteNumber("utterances", split.Utterances);
                json.WriteNumber("usable", split.Usable);
                json.WriteNumber("speakers", split.Speakers);
                json.WriteNumber("hours", Rounded(split.Hours));
            });
            json.WriteNumber("leftOut", check.Skipped);
            WriteSkipped(json, "unusable", check.Unusable);
            WriteArray(json, "unknownWords", check.UnknownWords, word =>
            {
                json.WriteString("word", word.Word);
                json.WriteNumber("occurrences", word.Occurrences);
                json.WriteString("nearest", word.Nearest);
                WriteTexts(json, "utterances", word.Utterances);
            });
            WriteArray(json, "infeasible", check.Infeasible, utterance =>
            {
                json.WriteString("id", utterance.Id);
                json.WriteNumber("framesNeeded", utterance.FramesNeeded);
                json.WriteNumber("framesAvailable", utterance.FramesAvailable);
            });
            WriteArray(json, "duplicates", check.Duplicates, same =>
            {
                WriteTexts(json, "ids", same.Ids);
                WriteTexts(json, "splits", same.Splits);
            });
            json.WriteString("outlierRule", CorpusValidation.OutlierRule);
            WriteArray(json, "outliers", check.Outliers, outlier =>
            {
                var unit = outlier.Kind == OutlierKind.Length ? "Seconds" : "Decibels";
                json.WriteString("id", outlier.Id);
                WriteNumber(json, $"value{unit}", outlier.Value);
                WriteNumber(json, $"median{unit}", outlier.Median);
            });
            WriteArray(json, "sharedSpeakers", check.SharedSpeakers, shared =>
            {
                json.WriteString("speaker", shared.Speaker);
                WriteTexts(json, "splits", shared.Splits);
            });
            json.WriteEndObject();
        });

    private static void WriteSkipped(Utf8JsonWriter json, string name, IEnumerable<SkippedUtterance> skipped) =>
        WriteArray(json, name, skipped, left =>
        {
            json.WriteString("id", left.Id);
            json.WriteString("reason", left.Reason);
        });

    private static void WriteFigures(Utf8JsonWriter json, Evaluation evaluation, string fold)
    {
        json.WriteString("fold", fold);
        json.WriteNumber("referencePhones", evaluation.ReferenceLabels);
        WriteNumber(json, "per", evaluation.Per);
        WriteNumber(json, "averageDistance", evaluation.AverageDistance);
        json.WriteNumber("substitutions", evaluation.Substitutions);
        json.WriteNumber("deletions", evaluation.Deletions);
        json.WriteNumber("insertions", evaluation.Insertions);
    }

    private static void WriteArray<TItem>(
        Utf8JsonWriter json,
        string? name,
        IEnumerable<TItem> items,
        Action<TItem> write
    )
    {
        if (name is not null)
            json.WritePropertyName(name);
        json.WriteStartArray();
        foreach (var item in items)
        {
            json.WriteStartObject();
            write(item);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void WriteIntervals(
        Utf8JsonWriter json,
        string name,
        string label,
        IEnumerable<Interval> intervals
    ) => WriteArray(json, name, intervals, interval =>
        {
            json.WriteString(label, interval.Label);
            json.WriteNumber("startSeconds", Rounded(interval.StartSeconds));
            json.WriteNumber("endSeconds", Rounded(interval.EndSeconds));
            json.WriteNumber("confidence", Rounded(interval.Confidence));
        });

    private static Interval[] Intervals(JsonElement root, string name, string label, double duration)
    {
        var (intervals, previousEnd) = (new List<Interval>(), 0.0);
        foreach (var element in root.GetProperty(name).EnumerateArray())
        {
            var interval = new Interval(
                Text(element, label),
                Time(element, "startSeconds", duration),
                Time(element, "endSeconds", duration),
                Number(element, "confidence")
            );
            if (
                interval.StartSeconds < previousEnd
                || interval.EndSeconds < interval.StartSeconds
                || interval.Confidence is not (>= 0 and <= 1)
            )
                throw new FormatException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{name}[{intervals.Count}] runs from {interval.StartSeconds} to {interval.EndSeconds} "
                            + $"with confidence {interval.Confidence}, after {previousEnd}"
                    )
                );
            intervals.Add(interval);
            previousEnd = interval.EndSeconds;
        }
        return [.. intervals];
    }

    private static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString() ?? throw new FormatException($"{name} is null");

    // Null is negative infinity, which JSON lacks.
    private static double Number(JsonElement element, string name) =>
        element.GetProperty(name) is { ValueKind: not JsonValueKind.Null } value
            ? value.GetDouble()
            : double.NegativeInfinity;

    private static double Time(JsonElement element, string name, double maximum) =>
        Number(element, name) is >= 0 and var value && value <= maximum
            ? value
            : throw new FormatException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name} is {Number(element, name)}, must be 0 to {maximum}"
                )
            );

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
            write(json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // JSON has neither NaN nor infinity.
    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumber(name, Rounded(value));
        else
            json.WriteNull(name);
    }

    private static double Rounded(double value) => Math.Round(value, 4);
}
