namespace Hybrid.Core;

/// <summary>
/// Recognises the plateau on which a CTC training puts out nothing but blanks, and explains it once.
/// </summary>
public sealed class BlankPlateauMonitor
{
    // The plateau belongs to the first updates of every CTC training; these many are not worth a word.
    private const int NormalSteps = 500;
    private const int Window = 100;
    private const double BlankLimit = 0.99;

    private int allBlank;
    private bool explained;

    /// <summary>The explanation, at the one step where it is due; null otherwise.</summary>
    /// <param name="steps">Updates so far.</param>
    /// <param name="step">What the latest showed.</param>
    public string? Advise(long steps, StepReport step)
    {
        allBlank = step.BlankRatio > BlankLimit ? allBlank + 1 : 0;
        if (explained || steps < NormalSteps || allBlank < Window)
            return null;
        explained = true;
        return $"""
            {steps} updates, and more than {BlankLimit
                * 100:F0} % of the output is still blank: the all-blank plateau of CTC. What helps, most likely first:
              - more updates: smaller batches, or simply more time
              - a higher learning rate, reached by a warm-up; a clipped gradient (norm now {step.GradientNorm.ToString(
                "G3",
                System.Globalization.CultureInfo.InvariantCulture
            )})
              - more output frames per phone: less subsampling
              - shorter utterances first; check that transcripts belong to their audio (`hybrid check-data`)
              - `hybrid train --overfit 8`: a network that cannot learn eight utterances by heart cannot learn more
            """;
    }
}
