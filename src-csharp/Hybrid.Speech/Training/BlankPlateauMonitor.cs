using System.Globalization;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>Detects a CTC training that stays on the plateau of all-blank output, and explains it once.</summary>
internal sealed class BlankPlateauMonitor
{
    // Every CTC training is on the plateau for its first updates.
    private const int NormalSteps = 500;
    private const int Window = 100;
    private const double BlankLimit = 0.99;

    private int allBlank;
    private bool explained;

    /// <summary>The explanation, once, at the update that completes the evidence; null at all others.</summary>
    /// <param name="steps">Updates so far.</param>
    /// <param name="step">Figures of the latest update.</param>
    public string? Advise(long steps, StepReport step)
    {
        allBlank = step.BlankRatio > BlankLimit ? allBlank + 1 : 0;
        if (explained || steps < NormalSteps || allBlank < Window)
            return null;
        explained = true;
        var norm = step.GradientNorm.ToString("G3", CultureInfo.InvariantCulture);
        return $"""
            {steps} updates, and more than {BlankLimit
                * 100:F0} % of the output is still blank: the all-blank plateau of CTC.
            Remedies, most likely first:
              - more updates: smaller batches, or simply more time
              - a higher learning rate, reached by a warm-up; a clipped gradient (norm now {norm})
              - more output frames per phone: less subsampling
              - shorter utterances first; check that transcripts belong to their audio
              - train on eight utterances only: a network that cannot overfit eight cannot learn more
            """;
    }
}
