using System.Globalization;

namespace Hybrid.Speech;

/// <summary>
/// Results as lines of text. Control characters in names and labels are percent-encoded as in URLs, so that every
/// result is one line and a terminal shows it safely.
/// </summary>
public static class ResultText
{
    /// <summary>
    /// The phones of a recognised file as a line <c>file: phones</c>; of several hypotheses, a line
    /// <c>file rank score: phones</c> for each.
    /// </summary>
    public static string Recognition(string file, RecognitionResult result)
    {
        var name = FieldText.EncodeLine(file);
        return result.Hypotheses.Count == 1
            ? $"{name}: {Phones(result.Hypotheses[0])}\n"
            : string.Concat(
                result.Hypotheses.Select(
                    (hypothesis, i) =>
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{name} {i + 1} {hypothesis.Total:F4}: {Phones(hypothesis)}\n"
                        )
                )
            );
    }

    private static string Phones(TimedHypothesis hypothesis) => FieldText.EncodeLine(hypothesis.ToString());
}
