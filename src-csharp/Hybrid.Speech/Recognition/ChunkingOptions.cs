using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// Division of a long recording into overlapping chunks for the network, which bounds the memory for activations.
/// Shorter recordings go through the network whole.
/// </summary>
/// <param name="MaxUnchunkedFrames">
/// Maximum input frames of a recording that is not divided, at least 1; the default of 16 000 is 160 s at a hop of 10
/// ms. </param>
/// <param name="ChunkFrames">Input frames of a chunk without its context, at least 1.</param>
/// <param name="ContextFrames">
/// Input frames before and after each chunk whose output is dropped, at least 0. Dependencies beyond the context are
/// lost: none with convolutions, except for rounding; with recurrent layers, longer memory; with
/// squeeze-and-excitation, the mean over the whole recording.
/// </param>
public sealed record ChunkingOptions(int MaxUnchunkedFrames = 16000, int ChunkFrames = 6000, int ContextFrames = 500)
{
    /// <summary>Every problem of the options, as a clause with the value.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (MaxUnchunkedFrames < 1)
            problems.Add($"the maximum of unchunked frames is {MaxUnchunkedFrames}, must be at least 1");
        if (ChunkFrames < 1)
            problems.Add($"a chunk has {ChunkFrames} frames, must have at least 1");
        if (ContextFrames < 0)
            problems.Add($"the context has {ContextFrames} frames, must have at least 0");
        return problems;
    }

    /// <summary>Computes the logits of one utterance, [T', V].</summary>
    /// <param name="network">The network.</param>
    /// <param name="features">Features, [frames, F].</param>
    /// <param name="frames">Input frames, at least 1.</param>
    /// <param name="workspace">Memory for activations; reset for each chunk.</param>
    /// <param name="chunkDone">Called after the forward pass of each chunk; may be null.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    internal float[] Forward(
        Network<float> network,
        float[] features,
        int frames,
        Workspace workspace,
        Action? chunkDone = null,
        CancellationToken cancellation = default
    )
    {
        var (F, V) = (features.Length / frames, network.Spec.Symbols);
        var logits = new float[network.OutputLength(frames) * V];
        foreach (var chunk in Chunks(network, frames, logits.Length / V))
        {
            cancellation.ThrowIfCancellationRequested();
            workspace.Reset();
            var input = features.AsMemory(chunk.Start * F, chunk.Frames * F);
            var output = network.Forward(new Batch<float>(input, chunk.Frames, 1, F), new Pass(workspace));
            for (var k = 0; k < chunk.OutputCount; k++)
                output.Row(chunk.OutputSkip + k, 0).CopyTo(logits.AsSpan((chunk.OutputStart + k) * V));
            chunkDone?.Invoke();
        }
        return logits;
    }

    /// <summary>Maximum input frames of one forward pass for a recording of <paramref name="frames"/> frames.</summary>
    internal int PassFrames(Network<float> network, int frames) =>
        frames <= MaxUnchunkedFrames
            ? frames
            : (int)Math.Min(frames, AlignedChunk(network) + 2 * AlignedContext(network));

    /// <summary>The chunks of a recording; each starts on the first input frame of an output frame.</summary>
    private IEnumerable<Chunk> Chunks(Network<float> network, int frames, int outputFrames)
    {
        var stride = network.FrameMapping.Stride;
        var length = frames <= MaxUnchunkedFrames ? frames : AlignedChunk(network);
        var context = AlignedContext(network);
        for (var first = 0L; first < frames; first += length)
        {
            var (start, end) = (Math.Max(0, first - context), Math.Min(frames, first + length + context));
            // Exact: all three are multiples of the alignment.
            var (skip, outputStart) = ((long)Math.Round((first - start) / stride), (long)Math.Round(first / stride));
            var remaining = outputFrames - outputStart;
            var count = first + length < frames ? Math.Min((long)Math.Round(length / stride), remaining) : remaining;
            yield return new Chunk((int)start, (int)(end - start), (int)skip, (int)outputStart, (int)count);
        }
    }

    private long AlignedChunk(Network<float> network) =>
        Math.Max(1, ChunkFrames / network.InputAlignment) * (long)network.InputAlignment;

    private long AlignedContext(Network<float> network) => IntMath.RoundUp((long)ContextFrames, network.InputAlignment);

    /// <summary>One forward pass and the part of its output that is kept.</summary>
    /// <param name="Start">First input frame, context included.</param>
    /// <param name="Frames">Input frames, context included.</param>
    /// <param name="OutputSkip">Output frames of the context before the chunk.</param>
    /// <param name="OutputStart">Position of the first kept output frame in the whole output.</param>
    /// <param name="OutputCount">Output frames kept; not positive where the chunk has none.</param>
    private readonly record struct Chunk(int Start, int Frames, int OutputSkip, int OutputStart, int OutputCount);
}
