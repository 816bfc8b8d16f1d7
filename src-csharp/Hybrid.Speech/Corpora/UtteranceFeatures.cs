namespace Hybrid.Speech;

/// <summary>Features of the utterances of a corpus.</summary>
public static class UtteranceFeatures
{
    /// <summary>Reads the audio of an utterance and computes its features, or reads its precomputed features.</summary>
    /// <param name="extractor">The kind of features.</param>
    /// <param name="utterance">The utterance; its transcript is not used.</param>
    /// <returns>
    /// Features, [frames, width of the preset], normalised over the utterance, and its length in seconds.
    /// </returns>
    /// <exception cref="FormatException">
    /// The utterance has audio where the preset takes precomputed features, or the reverse; or its features are not
    /// those of the preset.
    /// </exception>
    /// <exception cref="AudioFormatException">
    /// The sound file is damaged, of an unsupported format, or has no such piece or channel.
    /// </exception>
    /// <exception cref="ArgumentException">The sample rate is outside 8000 to 48000.</exception>
    /// <exception cref="IOException">The file is missing, is not a regular file, or cannot be read.</exception>
    public static (float[] Features, double DurationSeconds) Extract(
        this FeatureExtractor extractor,
        Utterance utterance
    )
    {
        if (extractor.Preset.Kind == FeatureKind.Precomputed)
        {
            if (utterance.FeaturesPath.Length == 0)
                throw new FormatException(
                    "it has audio, and the model takes precomputed features, "
                        + $"{extractor.Preset.Coefficients} per frame: declare features that are computed from audio"
                );
            CorpusFiles.RequireRegular(utterance.FeaturesPath);
            return extractor.ExtractPrecomputed(utterance.FeaturesPath);
        }
        if (utterance.AudioPath.Length == 0)
            throw new FormatException(
                "its features are precomputed, and the model computes them from audio: declare precomputed features"
            );
        var clip = utterance.ReadAudio();
        if (utterance.Speed != 1)
            clip = clip.Resample(extractor.Preset.SampleRate).PerturbSpeed(utterance.Speed);
        return (extractor.Extract(clip), clip.DurationSeconds);
    }
}
