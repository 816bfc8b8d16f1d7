namespace Hybrid.Speech;

/// <summary>Features of the utterances of a corpus.</summary>
public static class UtteranceFeatures
{
    /// <summary>Reads the sound of an utterance and computes its features, or reads its precomputed features.</summary>
    /// <param name="extractor">What the features are.</param>
    /// <param name="utterance">The utterance; its transcript is not used.</param>
    /// <returns>Features, [frames, width of the preset], normalised over the utterance, and its length in seconds.</returns>
    /// <exception cref="FormatException">
    /// The utterance has sound where the preset takes precomputed features, or the reverse; or its features are not those of the
    /// preset.
    /// </exception>
    /// <exception cref="AudioFormatException">The sound file is damaged or of an unknown format.</exception>
    /// <exception cref="ArgumentException">The sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static (float[] Features, double DurationSeconds) Extract(
        this FeatureExtractor extractor,
        Utterance utterance
    )
    {
        if (extractor.Preset.Kind == FeatureKind.Precomputed)
            return utterance.FeaturesPath.Length > 0
                ? extractor.ExtractPrecomputed(utterance.FeaturesPath)
                : throw new FormatException(
                    $"it has sound, and the model takes {extractor.Preset.Coefficients} precomputed features per frame: "
                        + "declare features that are computed from sound"
                );
        if (utterance.AudioPath.Length == 0)
            throw new FormatException(
                "its features are precomputed, and the model computes them from sound: declare precomputed features"
            );
        var clip = AudioClip.Read(utterance.AudioPath);
        if (utterance.Speed != 1)
            clip = clip.Resample(extractor.Preset.SampleRate).PerturbSpeed(utterance.Speed);
        return (extractor.Extract(clip), clip.DurationSeconds);
    }
}
