using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// How a long recording goes through a network: in overlapping windows, so that the memory for activations does not grow with
/// its length. Shorter ones go through as a whole.
/// </summary>
/// <param name="MaxUnchunkedFrames">The most input frames that go through as a whole; 16 000 are 160 seconds.</param>
/// <param name="ChunkFrames">Input frames of a window that count.</param>
/// <param name="ContextFrames">
/// Input frames that a window has before and behind those, whose output is dropped. What a layer sees farther away than that is lost:
/// nothing with convolutions (rounding aside), with recurrent layers what they would remember for longer, with squeeze-and-excitation the mean
/// over all of the recording.
/// </param>
public sealed record ChunkingOptions(int MaxUnchunkedFrames = 16000, int ChunkFrames = 6000, int ContextFrames = 500)
{
    /// <summary>Logits of one utterance, [T', V].</summary>
    /// <param name="network">The network.</param>
    /// <param name="features">[frames, F].</param>
    /// <param name="frames">At least one.</param>
    /// <param name="workspace">Where activations live; it is reset for each window.</param>
    /// <param name="cancellation">Stops between windows.</param>
    internal float[] Forward(
        Network<float> network,
        float[] features,
        int frames,
        Workspace workspace,
        CancellationToken cancellation = default
    )
    {
        var (stride, F, V) = (network.FrameMapping.Stride, features.Length / frames, network.Spec.Symbols);
        var logits = new float[network.OutputLength(frames) * V];
        // Windows begin where an output frame begins, so that theirs are those of the whole.
        var window = frames <= MaxUnchunkedFrames ? frames : Math.Max(1, ChunkFrames / stride) * stride;
        var context = (ContextFrames + stride - 1) / stride * stride;
        for (var first = 0; first < frames; first += window)
        {
            var (from, to) = (Math.Max(0, first - context), (int)Math.Min(frames, (long)first + window + context));
            cancellation.ThrowIfCancellationRequested();
            workspace.Reset();
            var output = network.Forward(
                new Batch<float>(features.AsMemory(from * F, (to - from) * F), to - from, 1, F),
                new Pass(workspace)
            );
            var (skipped, begin, left) = ((first - from) / stride, first / stride, logits.Length / V - first / stride);
            var own = first + window < frames ? Math.Min(window / stride, left) : left;
            for (var k = 0; k < own; k++)
                output.Row(skipped + k, 0).CopyTo(logits.AsSpan((begin + k) * V));
        }
        return logits;
    }
}
