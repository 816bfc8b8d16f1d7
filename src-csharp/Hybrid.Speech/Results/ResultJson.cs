using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Results as JSON: the same bytes through every door. Times are in seconds, rounded to a tenth of a millisecond.</summary>
public static class ResultJson
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Recognised files: an array of objects with file, duration, log probability and phones.</summary>
    public static string Recognitions(IEnumerable<(string File, Recognition Result)> results) => Write(json =>
    {
        json.WriteStartArray();
        foreach (var (file, result) in results)
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteNumber("durationSeconds", Rounded(result.DurationSeconds));
            json.WriteNumber("logProbability", Rounded(result.LogProbability));
            json.WriteStartArray("phones");
            foreach (var phone in result.Phones)
            {
                json.WriteStartObject();
                json.WriteString("phone", phone.Phone);
                json.WriteNumber("startSeconds", Rounded(phone.StartSeconds));
                json.WriteNumber("endSeconds", Rounded(phone.EndSeconds));
                json.WriteNumber("confidence", Rounded(phone.Confidence));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>An evaluation: counts, error rate in percent, loss in nats per label, the worst confusions.</summary>
    /// <param name="evaluation">What was measured.</param>
    /// <param name="inventory">The names of the symbols.</param>
    /// <param name="leftOut">Utterances that could not be used.</param>
    public static string Evaluation(Evaluation evaluation, PhoneInventory inventory, IReadOnlyList<LeftOut> leftOut) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("utterances", evaluation.Utterances.Count);
        json.WriteNumber("referencePhones", evaluation.ReferenceLabels);
        WriteNumber(json, "per", evaluation.Per);
        WriteNumber(json, "averageDistance", evaluation.AverageDistance);
        json.WriteNumber("substitutions", evaluation.Substitutions);
        json.WriteNumber("deletions", evaluation.Deletions);
        json.WriteNumber("insertions", evaluation.Insertions);
        WriteNumber(json, "loss", evaluation.Loss);
        json.WriteString("fold", "none");
        json.WriteStartArray("confusions");
        foreach (var (reference, hypothesis, count) in evaluation.Confusions().Take(20))
        {
            json.WriteStartObject();
            json.WriteString("reference", inventory.Symbols[reference]);
            json.WriteString("hypothesis", inventory.Symbols[hypothesis]);
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("leftOut");
        foreach (var left in leftOut)
        {
            json.WriteStartObject();
            json.WriteString("id", left.Id);
            json.WriteString("reason", left.Reason);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options)) write(json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // JSON has no NaN; a figure that does not exist is null.
    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, Rounded(value));
        else json.WriteNull(name);
    }

    private static double Rounded(double value) => Math.Round(value, 4);
}
