using System.Numerics;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// The single best alignment of labels with frames, by dynamic programming (Viterbi 1967) over the states of CTC.
/// Derivation: ViterbiLoss.md.
/// </summary>
/// <remarks>
/// Scores may be log probabilities or logits: a constant added to a frame changes no choice. As in
/// <see cref="CtcRecursion"/>, blanks and labels are kept apart and eight neighbouring states fill a register; a decision takes
/// one bit for a blank and two for a label. Of equal scores the one wins that stays in its state, then the one that comes from
/// the state before, then the one that skips a blank; at the end, the blank. Where the decisions of all frames would exceed
/// <see cref="DecisionBudget"/>, scores are kept only at the beginning of each segment of frames, and on the way back the
/// decisions of one segment after the other are made again.
/// </remarks>
internal readonly unsafe ref struct CtcViterbi
{
    /// <summary>Bytes of decisions that are kept at once.</summary>
    public const long DecisionBudget = 64 << 20;

    private const int Lanes = 8,
        DecisionsPerGroup = 3;

    private readonly double* memory;
    private readonly byte* decisions;
    private readonly int* labels;
    private readonly int S,
        frames,
        blank;

    /// <param name="memory">At least <see cref="WorkspaceSize"/> numbers.</param>
    /// <param name="decisions">At least <see cref="DecisionSize"/> bytes.</param>
    /// <param name="labels">[S], checked.</param>
    /// <param name="S">Labels.</param>
    /// <param name="frames">At least as many as the labels need, and at least one.</param>
    /// <param name="blank">Index of the blank symbol.</param>
    public CtcViterbi(double* memory, byte* decisions, int* labels, int S, int frames, int blank)
    {
        this.memory = memory;
        this.decisions = decisions;
        this.labels = labels;
        (this.S, this.frames, this.blank) = (S, frames, blank);
    }

    /// <summary>Numbers needed: a row of scores before each segment, two to work with, emissions and skip rule of the labels.</summary>
    public static long WorkspaceSize(int frames, int S) => (Segments(frames, S) + 2L + 1) * 2 * Width(S);

    /// <summary>Bytes needed for the decisions of a segment.</summary>
    public static long DecisionSize(int frames, int S) => (long)FramesPerSegment(frames, S) * DecisionBytes(S);

    private int SegmentLength => FramesPerSegment(frames, S);

    private double* CheckpointRow(int segment) => memory + (long)segment * 2 * Width(S);

    private double* Emissions => CheckpointRow(Segments(frames, S) + 2);

    private double* Skips => Emissions + Width(S);

    private byte* Decisions(int t) => decisions + (long)(t % SegmentLength) * DecisionBytes(S);

    /// <summary>Finds the best alignment.</summary>
    /// <param name="scores">[frames, V] at a distance of <paramref name="frameStride"/>.</param>
    /// <param name="frameStride">Elements from one frame to the next.</param>
    /// <param name="states">[frames], out: 2 i for the blank before label i, 2 i + 1 for label i.</param>
    /// <returns>The sum of the scores along the alignment; negative infinity where every alignment meets one.</returns>
    public double Align<TReal>(TReal* scores, long frameStride, int* states)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        new Span<double>(memory, checked((int)WorkspaceSize(frames, S))).Fill(double.NegativeInfinity);
        CheckpointRow(0)[0] = 0; // before the first frame stands the first blank
        for (var i = 1; i < S; i++)
            if (labels[i] != labels[i - 1])
                Skips[i] = 0;

        int width = Width(S),
            segments = Segments(frames, S);
        var end = CheckpointRow(0);
        for (var segment = 0; segment < segments; segment++)
        {
            end = Run(segment, scores, frameStride);
            if (segment + 1 < segments)
                Copy(end, CheckpointRow(segment + 1));
        }
        // Place i of the labels holds label i - 1.
        double endBlank = end[S],
            endLabel = S > 0 ? end[width + S] : double.NegativeInfinity;
        var state = endLabel > endBlank ? 2 * S - 1 : 2 * S; // F3
        for (var segment = segments - 1; segment >= 0; segment--)
        {
            if (segment < segments - 1)
                Run(segment, scores, frameStride); // the last one's decisions are still there
            for (var t = Math.Min(frames, (segment + 1) * SegmentLength) - 1; t >= segment * SegmentLength; t--)
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
        new ReadOnlySpan<double>(from, 2 * Width(S)).CopyTo(new Span<double>(to, 2 * Width(S)));

    /// <summary>Goes through one segment of frames; returns the scores after it.</summary>
    private double* Run<TReal>(int segment, TReal* scores, long frameStride)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        double* before = CheckpointRow(Segments(frames, S)),
            now = CheckpointRow(Segments(frames, S) + 1),
            emissions = Emissions;
        var wanted = new ReadOnlySpan<int>(labels, S);
        var end = Math.Min(frames, (segment + 1) * SegmentLength);
        Copy(CheckpointRow(segment), before);
        for (var t = segment * SegmentLength; t < end; t++)
        {
            var frame = scores + t * frameStride;
            for (var i = 0; i < wanted.Length; i++)
                emissions[i] = double.CreateTruncating(frame[wanted[i]]);
            Step(before, now, double.CreateTruncating(frame[blank]), Decisions(t));
            var swap = before;
            before = now;
            now = swap;
        }
        return before;
    }

    private void Step(double* before, double* now, double blankScore, byte* made)
    {
        var width = Width(S);
        double* emissions = Emissions,
            skips = Skips;
        var blankEmission = Vector512.Create(blankScore);
        for (int group = Groups(S), i = 0; group > 0; group--, i += Lanes, made += DecisionsPerGroup)
        {
            // Place i of the labels is label i - 1: the one before blank i.
            Vector512<double> b = Vector512.Load(before + i),
                l = Vector512.Load(before + width + i + 1),
                lBefore = Vector512.Load(before + width + i);
            var fromLabel = Vector512.GreaterThan(lBefore, b);
            (Vector512.ConditionalSelect(fromLabel, lBefore, b) + blankEmission).Store(now + i); // F1
            made[0] = (byte)fromLabel.ExtractMostSignificantBits();

            var fromBlank = Vector512.GreaterThan(b, l);
            var best = Vector512.ConditionalSelect(fromBlank, b, l);
            var skipping = lBefore + Vector512.Load(skips + i);
            var fromSkip = Vector512.GreaterThan(skipping, best);
            (Vector512.ConditionalSelect(fromSkip, skipping, best) + Vector512.Load(emissions + i)).Store(
                now + width + i + 1
            ); // F2
            made[1] = (byte)fromBlank.ExtractMostSignificantBits();
            made[2] = (byte)fromSkip.ExtractMostSignificantBits();
        }
    }

    /// <summary>How many states back the best way into a state came from.</summary>
    private static int StepsBack(byte* made, int state)
    {
        var (group, lane) = Math.DivRem(state >> 1, Lanes);
        made += group * DecisionsPerGroup;
        if ((state & 1) == 0)
            return made[0] >> lane & 1;
        return (made[2] >> lane & 1) != 0 ? 2 : made[1] >> lane & 1;
    }
}
