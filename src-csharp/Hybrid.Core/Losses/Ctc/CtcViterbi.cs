using System.Numerics;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// The best alignment of labels with frames, by dynamic programming (Viterbi 1967) over the states of CTC.
/// Derivation: ViterbiLoss.md.
/// </summary>
/// <remarks>
/// Scores may be log probabilities or logits: a constant added to a frame does not change the best alignment. As in
/// <see cref="CtcRecursion"/>, blanks and labels are stored separately and eight neighbouring states fill a register. A
/// decision takes one bit for a blank and two for a label. Ties prefer staying in a state, then the previous state,
/// then skipping a blank; at the end, the blank. If the decisions of all frames exceed <see cref="DecisionBudget"/>,
/// scores are kept only at the beginning of each segment of frames (checkpoints), and the decisions of each segment are
/// recomputed during backtracking.
/// </remarks>
internal readonly unsafe ref struct CtcViterbi
{
    /// <summary>The largest number of bytes of decisions in memory at once.</summary>
    public const long DecisionBudget = 64 << 20;

    private const int Lanes = 8,
        DecisionsPerGroup = 3;

    private readonly double* memory;
    private readonly byte* decisions;
    private readonly int* labels;

    // Sizes are computed once: they contain divisions, and each frame needs them.
    private readonly int S,
        frames,
        blank,
        groups,
        width,
        segmentLength,
        segments;

    /// <param name="memory">At least <see cref="WorkspaceSize"/> doubles.</param>
    /// <param name="decisions">At least <see cref="DecisionSize"/> bytes.</param>
    /// <param name="labels">[S], checked.</param>
    /// <param name="S">Number of labels.</param>
    /// <param name="frames">At least one, and at least as many as the labels need.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    public CtcViterbi(double* memory, byte* decisions, int* labels, int S, int frames, int blank)
    {
        this.memory = memory;
        this.decisions = decisions;
        this.labels = labels;
        (this.S, this.frames, this.blank) = (S, frames, blank);
        (groups, width) = (Groups(S), Width(S));
        (segmentLength, segments) = (FramesPerSegment(frames, S), Segments(frames, S));
    }

    /// <summary>
    /// Doubles needed: a score row per segment, two working rows, emissions and skip scores of the labels.
    /// </summary>
    public static long WorkspaceSize(int frames, int S) => (Segments(frames, S) + 2L + 1) * 2 * Width(S);

    /// <summary>Bytes of the decisions of one segment.</summary>
    public static long DecisionSize(int frames, int S) => (long)FramesPerSegment(frames, S) * DecisionBytes(S);

    private double* CheckpointRow(int segment) => memory + (long)segment * 2 * width;

    private double* Emissions => CheckpointRow(segments + 2);

    private double* Skips => Emissions + width;

    private byte* Decisions(int t) => decisions + (long)(t % segmentLength) * groups * DecisionsPerGroup;

    /// <summary>Finds the best alignment.</summary>
    /// <param name="scores">[frames, V], with stride <paramref name="frameStride"/>.</param>
    /// <param name="frameStride">Elements from one frame to the next.</param>
    /// <param name="states">[frames], output: 2 i for the blank before label i, 2 i + 1 for label i.</param>
    /// <returns>
    /// The sum of the scores of the alignment; negative infinity if every alignment has such a score.
    /// </returns>
    public double Align<TReal>(TReal* scores, long frameStride, int* states)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        new Span<double>(memory, checked((int)WorkspaceSize(frames, S))).Fill(double.NegativeInfinity);
        CheckpointRow(0)[0] = 0; // the state before the first frame is the first blank
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1])
                Skips[i] = 0;

        var end = CheckpointRow(0);
        for (var segment = 0; segment < segments; segment++)
        {
            end = Run(segment, scores, frameStride);
            if (segment + 1 < segments)
                Copy(end, CheckpointRow(segment + 1));
        }
        // Element i of the label scores is label i - 1.
        double endBlank = end[S],
            endLabel = S > 0 ? end[width + S] : double.NegativeInfinity;
        var state = endLabel > endBlank ? 2 * S - 1 : 2 * S; // F3
        for (var segment = segments - 1; segment >= 0; segment--)
        {
            if (segment < segments - 1)
                Run(segment, scores, frameStride); // the decisions of the last one are still in memory
            for (var t = Math.Min(frames, (segment + 1) * segmentLength) - 1; t >= segment * segmentLength; t--)
            {
                states[t] = state;
                state -= StepsBack(Decisions(t), state); // F4
            }
        }
        return Math.Max(endBlank, endLabel);
    }

    private static int Groups(int S) => IntMath.CeilDiv(S + 1, Lanes);

    private static int Width(int S) => (Groups(S) + 1) * Lanes;

    private static int DecisionBytes(int S) => Groups(S) * DecisionsPerGroup;

    private static int FramesPerSegment(int frames, int S) =>
        (int)Math.Clamp(DecisionBudget / DecisionBytes(S), 1, Math.Max(1, frames));

    private static int Segments(int frames, int S) => IntMath.CeilDiv(frames, FramesPerSegment(frames, S));

    private void Copy(double* from, double* to) =>
        new ReadOnlySpan<double>(from, 2 * width).CopyTo(new Span<double>(to, 2 * width));

    /// <summary>Computes the scores and decisions of one segment of frames; returns the scores after it.</summary>
    private double* Run<TReal>(int segment, TReal* scores, long frameStride)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        double* previous = CheckpointRow(segments),
            current = CheckpointRow(segments + 1),
            emissions = Emissions;
        var wanted = new ReadOnlySpan<int>(labels, S);
        var end = Math.Min(frames, (segment + 1) * segmentLength);
        Copy(CheckpointRow(segment), previous);
        for (var t = segment * segmentLength; t < end; t++)
        {
            var frame = scores + t * frameStride;
            for (var i = 0; i < wanted.Length; i++)
                emissions[i] = double.CreateTruncating(frame[wanted[i]]);
            Step(previous, current, double.CreateTruncating(frame[blank]), Decisions(t));
            var swap = previous;
            previous = current;
            current = swap;
        }
        return previous;
    }

    private void Step(double* previous, double* current, double blankScore, byte* decisions)
    {
        double* emissions = Emissions,
            skips = Skips;
        var blankEmission = Vector512.Create(blankScore);
        for (int group = groups, i = 0; group > 0; group--, i += Lanes, decisions += DecisionsPerGroup)
        {
            // Element i of the label scores is label i - 1, the one before blank i.
            Vector512<double> b = Vector512.Load(previous + i),
                l = Vector512.Load(previous + width + i + 1),
                lBefore = Vector512.Load(previous + width + i);
            var fromLabel = Vector512.GreaterThan(lBefore, b);
            (Vector512.ConditionalSelect(fromLabel, lBefore, b) + blankEmission).Store(current + i); // F1
            decisions[0] = (byte)fromLabel.ExtractMostSignificantBits();

            var fromBlank = Vector512.GreaterThan(b, l);
            var best = Vector512.ConditionalSelect(fromBlank, b, l);
            var skipping = lBefore + Vector512.Load(skips + i);
            var fromSkip = Vector512.GreaterThan(skipping, best);
            (Vector512.ConditionalSelect(fromSkip, skipping, best) + Vector512.Load(emissions + i)).Store(
                current + width + i + 1
            ); // F2
            decisions[1] = (byte)fromBlank.ExtractMostSignificantBits();
            decisions[2] = (byte)fromSkip.ExtractMostSignificantBits();
        }
    }

    /// <summary>The number of states from the best predecessor to a state: 0 to 2.</summary>
    private static int StepsBack(byte* decisions, int state)
    {
        var (group, lane) = Math.DivRem(state >> 1, Lanes);
        decisions += group * DecisionsPerGroup;
        if ((state & 1) == 0)
            return decisions[0] >> lane & 1;
        return (decisions[2] >> lane & 1) != 0 ? 2 : decisions[1] >> lane & 1;
    }
}
