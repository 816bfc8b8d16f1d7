using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// One layer of a <see cref="RecurrentStack{TReal}"/>: a cell that runs forwards in time, and optionally one that runs
/// backwards. Derivation: RecurrentStack.md.
/// </summary>
/// <remarks>
/// The input projection of all frames is one matrix product, and so is each weight gradient. In between, each direction
/// and each slice of the batch steps through time independently, without waiting for the others.
/// </remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
internal sealed class RecurrentLayer<TReal>(Cell<TReal>[] cells)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly int hidden = cells[0].Hidden,
        gateSize = cells[0].GateSize,
        tapeSize = cells[0].TapeSize,
        stateSize = cells[0].StateSize;

    public IReadOnlyList<Cell<TReal>> Cells => cells;

    /// <summary>The kind of cell.</summary>
    public override string ToString() => $"recurrent layer ({cells[0].GetType().Name.Split('`')[0]})";

    public int OutputFeatures => cells.Length * hidden;

    /// <summary>
    /// Rents the states of <paramref name="layers"/> such layers, [layers D B, H] or [.., 2H]; contents undefined.
    /// </summary>
    public MatrixView<TReal> RentStates(int layers, int batch, Workspace workspace)
    {
        var rows = layers * cells.Length * batch;
        return new MatrixView<TReal>(workspace.Rent<TReal>(rows * stateSize), rows, stateSize);
    }

    /// <summary>[T, B, I] to [T, B, D H]; the states before the first steps become those after the last.</summary>
    public Batch<TReal> Forward(Batch<TReal> x, MatrixView<TReal> states, Pass pass)
    {
        var workspace = pass.Workspace;
        ref var tape = ref workspace.Tape<RecurrentTape>(this);
        tape = new RecurrentTape
        {
            X = x,
            Y = x.Like(workspace, OutputFeatures),
            Gates = workspace.Rent<TReal>(Batch<TReal>.Size(cells.Length, x.Rows, tapeSize)),
            History = workspace.Rent<TReal>(Batch<TReal>.Size(cells.Length, x.Rows + x.B, stateSize)),
            Bias = workspace.Rent<TReal>(cells.Length * gateSize),
        };
        workspace.Team.For(cells.Length, new PackForwardJob(cells));
        for (var d = 0; d < cells.Length; d++)
        {
            Gemm.Multiply(
                x.Matrix,
                cells[d].WeightIh.PackedColumns,
                InputPart(tape, d),
                accumulate: false,
                workspace.Team
            ); // F1
            cells[d].SumBiases(View(tape.Bias, d, 1, gateSize).Row(0));
        }
        var slices = new Slices(x.B, cells.Length, workspace.Team);
        workspace.Team.For(slices.Count, new ForwardJob(this, tape, states, slices));
        return tape.Y;
    }

    /// <summary>
    /// The backward pass of <see cref="Forward"/>; the gradients with respect to the final states are replaced by those
    /// with respect to the initial ones.
    /// </summary>
    public Batch<TReal> Backward(Batch<TReal> dy, MatrixView<TReal> dStates, Pass pass)
    {
        var workspace = pass.Workspace;
        var tape = workspace.TakeTape<RecurrentTape>(this);
        var x = tape.X;
        var slices = new Slices(x.B, cells.Length, workspace.Team);
        workspace.Team.For(cells.Length, new PackBackwardJob(cells));
        var sums = workspace.RentZeroed<TReal>(cells.Length * x.B * tapeSize);
        workspace.Team.For(slices.Count, new BackwardJob(this, tape, dy, dStates, sums, slices));

        var dx = pass.SkipInputGradient ? default : x.Like(workspace, x.F);
        for (var d = 0; d < cells.Length; d++)
        {
            var h = History(tape, d).SliceColumns(0, hidden).SliceRows(d * x.B, x.Rows); // before each frame
            cells[d].AddWeightGradients(View(tape.Gates, d, x.Rows, tapeSize), x.Matrix, h, workspace.Team);
            cells[d].AddBiasGradients(View(sums, d, x.B, tapeSize));
            if (!pass.SkipInputGradient)
                Gemm.Multiply(
                    InputPart(tape, d),
                    cells[d].WeightIh.PackedRows,
                    dx.Matrix,
                    accumulate: d > 0,
                    workspace.Team
                ); // B6
        }
        return dx;
    }

    /// <summary>Packs the weights of one direction for the forward pass, unless they are packed already.</summary>
    private readonly record struct PackForwardJob(Cell<TReal>[] Cells) : ITeamJob
    {
        public void Run(int direction)
        {
            _ = Cells[direction].WeightIh.PackedColumns;
            foreach (var block in Cells[direction].RecurrentWeightBlocks)
                _ = block.PackedColumns;
        }
    }

    /// <summary>Packs the weights of one direction for the backward pass, unless they are packed already.</summary>
    private readonly record struct PackBackwardJob(Cell<TReal>[] Cells) : ITeamJob
    {
        public void Run(int direction)
        {
            _ = Cells[direction].WeightIh.PackedRows;
            foreach (var block in Cells[direction].RecurrentWeightBlocks)
                _ = block.PackedRows;
        }
    }

    /// <summary>All frames of one slice per index, in order.</summary>
    private readonly record struct ForwardJob(
        RecurrentLayer<TReal> Layer,
        RecurrentTape Tape,
        MatrixView<TReal> States,
        Slices Slices
    ) : ITeamJob
    {
        public void Run(int index) => Layer.StepForward(Tape, States, Slices[index]);
    }

    /// <summary>All frames of one slice per index, in reverse order.</summary>
    private readonly record struct BackwardJob(
        RecurrentLayer<TReal> Layer,
        RecurrentTape Tape,
        Batch<TReal> Dy,
        MatrixView<TReal> DStates,
        Memory<TReal> Sums,
        Slices Slices
    ) : ITeamJob
    {
        public void Run(int index) => Layer.StepBackward(Tape, Dy, DStates, Sums, Slices[index]);
    }

    private void StepForward(in RecurrentTape tape, MatrixView<TReal> states, Slice slice)
    {
        int T = tape.X.T,
            B = tape.X.B,
            d = slice.Direction;
        ReadOnlySpan<int> lengths = tape.X.Lengths.Span;
        var cell = cells[d];
        MatrixView<TReal> gates = View(tape.Gates, d, T * B, tapeSize),
            history = History(tape, d),
            h = history.SliceColumns(0, hidden);
        ReadOnlySpan<TReal> bias = View(tape.Bias, d, 1, gateSize).Row(0);
        var (start, end) = d == 0 ? (0, T * B) : (T * B, 0);
        for (var b = slice.First; b < slice.End; b++)
            states.Row(d * B + b).CopyTo(history.Row(start + b));
        for (var step = 0; step < T; step++)
        {
            var t = d == 0 ? step : T - 1 - step;
            int row = t * B,
                before = row + d * B,
                after = row + B - d * B;
            var active = slice.Active(lengths, t);
            cell.AddRecurrentProduct(
                h.SliceRows(before + slice.First, active),
                gates.SliceRows(row + slice.First, active),
                reversePanels: step % 2 == 1
            ); // F2
            for (var b = slice.First; b < slice.End; b++)
            {
                if (t < lengths[b])
                {
                    cell.Gates(gates.Row(row + b), bias, history.Row(before + b), history.Row(after + b)); // F3
                    h.Row(after + b).CopyTo(tape.Y.Row(t, b)[(d * hidden)..]);
                }
                else
                {
                    history.Row(before + b).CopyTo(history.Row(after + b));
                    tape.Y.Row(t, b).Slice(d * hidden, hidden).Clear();
                }
            }
        }
        for (var b = slice.First; b < slice.End; b++)
            history.Row(end + b).CopyTo(states.Row(d * B + b));
    }

    private void StepBackward(
        in RecurrentTape tape,
        Batch<TReal> dy,
        MatrixView<TReal> dStates,
        Memory<TReal> sums,
        Slice slice
    )
    {
        int T = tape.X.T,
            B = tape.X.B,
            d = slice.Direction;
        ReadOnlySpan<int> lengths = tape.X.Lengths.Span;
        var cell = cells[d];
        MatrixView<TReal> gates = View(tape.Gates, d, T * B, tapeSize),
            gateSums = View(sums, d, B, tapeSize);
        MatrixView<TReal> history = History(tape, d),
            dState = dStates.SliceRows(d * B, B),
            dh = dState.SliceColumns(0, hidden);
        for (var step = T - 1; step >= 0; step--)
        {
            var t = d == 0 ? step : T - 1 - step;
            int row = t * B,
                before = row + d * B,
                after = row + B - d * B;
            for (var b = slice.First; b < slice.End; b++)
            {
                if (t < lengths[b])
                {
                    cell.GatesBackward(
                        gates.Row(row + b),
                        history.Row(before + b),
                        history.Row(after + b),
                        dy.Row(t, b).Slice(d * hidden, hidden),
                        dState.Row(b)
                    ); // B1
                    // B5 here, while the row is in the cache; per utterance, so that the order does not depend on
                    // slices.
                    TensorPrimitives.Add(gateSums.Row(b), gates.Row(row + b), gateSums.Row(b));
                }
                else
                    gates.Row(row + b).Clear();
            }
            var active = slice.Active(lengths, t);
            cell.AddStateGradient(gates.SliceRows(row + slice.First, active), dh.SliceRows(slice.First, active)); // B2
        }
    }

    /// <summary>
    /// The part of direction <paramref name="d"/> in memory that holds [rows, columns] for each direction.
    /// </summary>
    private static MatrixView<TReal> View(Memory<TReal> memory, int d, int rows, int columns) =>
        new(memory.Slice(d * rows * columns, rows * columns), rows, columns);

    /// <summary>The columns of W_ih x, [T B, G H].</summary>
    private MatrixView<TReal> InputPart(in RecurrentTape tape, int d) =>
        View(tape.Gates, d, tape.X.Rows, tapeSize).SliceColumns(0, gateSize);

    /// <summary>The states between frames in order of time: before frame 0, after it, ..., after the last.</summary>
    private MatrixView<TReal> History(in RecurrentTape tape, int d) =>
        View(tape.History, d, tape.X.Rows + tape.X.B, stateSize);

    /// <summary>The values kept for the backward pass, for each direction d.</summary>
    private struct RecurrentTape
    {
        /// <summary>[T, B, I]: B3.</summary>
        public Batch<TReal> X;

        /// <summary>[T, B, D H], the output.</summary>
        public Batch<TReal> Y;

        /// <summary>
        /// [D, T, B, G H] or, for the GRU, [.., 4H], the values of the gates: B1, which replaces them by the gradients
        /// for B2 to B6.
        /// </summary>
        public Memory<TReal> Gates;

        /// <summary>[D, T + 1, B, H] or [.., 2H], the states between the frames: B1, B4.</summary>
        public Memory<TReal> History;

        /// <summary>[D, G H], the biases that the gates add: F3.</summary>
        public Memory<TReal> Bias;
    }

    /// <summary>Utterances <c>First..End</c> - 1 in one direction: the work item of one thread.</summary>
    private readonly record struct Slice(int Direction, int First, int End)
    {
        /// <summary>The number of rows up to the last utterance that reaches frame <paramref name="t"/>.</summary>
        public int Active(ReadOnlySpan<int> lengths, int t)
        {
            var end = End;
            while (end > First && lengths[end - 1] <= t)
                end--;
            return end - First;
        }
    }

    /// <summary>Directions times slices of the batch, enough of them for all threads.</summary>
    private readonly struct Slices
    {
        private const int MinRows = 4;

        private readonly int batch,
            directions,
            rows;

        public Slices(int batch, int directions, ThreadTeam team)
        {
            var perDirection = Math.Max(1, team.Threads / directions);
            (this.batch, this.directions) = (batch, directions);
            rows = Math.Max(MinRows, IntMath.CeilDiv(batch, perDirection));
        }

        private int PerDirection => IntMath.CeilDiv(batch, rows);

        public int Count => directions * PerDirection;

        public Slice this[int index] =>
            new(index / PerDirection, index % PerDirection * rows, Math.Min(batch, (index % PerDirection + 1) * rows));
    }
}
