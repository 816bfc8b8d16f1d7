using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// Runs an LSTM cell over time, forwards or in both directions; the outputs of both stand side by side, [T, B, 2H].
/// Utterances end at their own length: the reverse direction starts there. Parameters are named as in PyTorch's LSTM with one
/// layer. Derivation: Recurrent.md.
/// </summary>
/// <remarks>
/// The input projection of all frames is one matrix product, and so is each weight gradient. In between, each direction and
/// each slice of the batch steps through time on its own, without waiting for the others.
/// </remarks>
/// <typeparam name="R">Float or double.</typeparam>
public sealed class Recurrent<R> : Layer<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly int inputs, hidden;
    private readonly LstmCell<R>[] cells;

    /// <summary>An LSTM with <paramref name="hidden"/> units per direction.</summary>
    public Recurrent(int inputs, int hidden, bool bidirectional)
    {
        (this.inputs, this.hidden) = (inputs, hidden);
        cells = bidirectional
            ? [new LstmCell<R>(inputs, hidden, "_l0"), new LstmCell<R>(inputs, hidden, "_l0_reverse")]
            : [new LstmCell<R>(inputs, hidden, "_l0")];
        Parameters = [.. cells.SelectMany(cell => cell.Parameters)];
    }

    /// <inheritdoc/>
    public override int OutputFeatures => cells.Length * hidden;

    /// <inheritdoc/>
    public override long MultiplyAdds(int frames) => (long)frames * cells.Length * 4 * hidden * (inputs + hidden);

    /// <inheritdoc/>
    public override Batch<R> Forward(Batch<R> x, Pass pass)
    {
        RequireFeatures(x, inputs, "LSTM");
        var workspace = pass.Workspace;
        ref var tape = ref workspace.Tape<RecurrentTape>(this);
        tape = new RecurrentTape
        {
            X = x,
            Y = x.With(workspace.RentZeroed<R>(x.Rows * OutputFeatures), OutputFeatures),
            Gates = workspace.Rent<R>(cells.Length * x.Rows * 4 * hidden),
            C = workspace.Rent<R>(cells.Length * x.Rows * hidden),
            H = workspace.RentZeroed<R>(cells.Length * x.B * hidden),
            C0 = workspace.RentZeroed<R>(cells.Length * x.B * hidden),
            Bias = workspace.Rent<R>(cells.Length * 4 * hidden),
        };
        for (var d = 0; d < cells.Length; d++)
        {
            var cell = cells[d];
            Gemm.Multiply(x.Matrix, cell.WeightIh.PackedColumns, View(tape.Gates, d, x.Rows, 4 * hidden), accumulate: false, workspace.Team); // F1
            TensorPrimitives.Add(cell.BiasIh.Value, cell.BiasHh.Value, View(tape.Bias, d, 1, 4 * hidden).Data.Span);
        }
        var slices = new Slices(x.B, cells.Length, workspace.Team);
        workspace.Team.For(slices.Count, (this, tape, slices), static (in (Recurrent<R> Layer, RecurrentTape Tape, Slices Slices) s, int i) =>
            s.Layer.StepForward(s.Tape, s.Slices[i]));
        return tape.Y;
    }

    /// <inheritdoc/>
    public override Batch<R> Backward(Batch<R> dy, Pass pass)
    {
        var workspace = pass.Workspace;
        var tape = workspace.Tape<RecurrentTape>(this);
        var (x, rows) = (tape.X, tape.X.Rows);
        var dState = new StateGradient(workspace.RentZeroed<R>(cells.Length * x.B * hidden), workspace.RentZeroed<R>(cells.Length * x.B * hidden));
        var slices = new Slices(x.B, cells.Length, workspace.Team);
        workspace.Team.For(slices.Count, (this, tape, dy, dState, slices), static (in (Recurrent<R> Layer, RecurrentTape Tape, Batch<R> Dy, StateGradient DState, Slices Slices) s, int i) =>
            s.Layer.StepBackward(s.Tape, s.Dy, s.DState, s.Slices[i]));

        var dx = x.Like(workspace, inputs);
        var dBias = workspace.Rent<R>(4 * hidden);
        for (var d = 0; d < cells.Length; d++)
        {
            var cell = cells[d];
            var dGates = View(tape.Gates, d, rows, 4 * hidden);
            Gemm.Multiply(dGates.Transposed, x.Matrix, cell.WeightIh.GradientMatrix, accumulate: true, workspace.Team); // B3
            if (x.T > 1)
            {
                // The hidden state before a step is the output of the frame before it (after it, in reverse).
                var h = tape.Y.Matrix.SliceColumns(d * hidden, hidden);
                var (early, late) = (0, x.B);
                Gemm.Multiply(dGates.SliceRows(d == 0 ? late : early, rows - x.B).Transposed, h.SliceRows(d == 0 ? early : late, rows - x.B), cell.WeightHh.GradientMatrix, accumulate: true, workspace.Team); // B4
            }
            dBias.Span.Clear();
            Rows.AddSum(dGates, dBias.Span, workspace); // B5
            TensorPrimitives.Add(cell.BiasIh.Gradient, dBias.Span, cell.BiasIh.Gradient);
            TensorPrimitives.Add(cell.BiasHh.Gradient, dBias.Span, cell.BiasHh.Gradient);
            Gemm.Multiply(dGates, cell.WeightIh.PackedRows, dx.Matrix, accumulate: d > 0, workspace.Team); // B6
        }
        return dx;
    }

    private void StepForward(in RecurrentTape tape, Slice slice)
    {
        var (x, d) = (tape.X, slice.Direction);
        var weight = cells[d].WeightHh.PackedColumns;
        var gates = View(tape.Gates, d, x.Rows, 4 * hidden);
        var h = View(tape.H, d, x.B, hidden);
        ReadOnlySpan<R> bias = View(tape.Bias, d, 1, 4 * hidden).Data.Span;
        for (var step = 0; step < x.T; step++)
        {
            var t = d == 0 ? step : x.T - 1 - step;
            var active = slice.Active(x.Lengths.Span, t);
            if (step > 0 && active > 0)
                Gemm.Multiply(h.SliceRows(slice.First, active), weight, gates.SliceRows(t * x.B + slice.First, active), accumulate: true); // F2
            for (var b = slice.First; b < slice.End; b++)
            {
                var cPrevious = CellBefore(tape, d, step, b);
                var c = Row(tape.C, d, x.Rows, t * x.B + b, hidden);
                if (t < x.Lengths.Span[b])
                {
                    var state = Row(tape.H, d, x.B, b, hidden);
                    LstmCell<R>.Gates(Row(tape.Gates, d, x.Rows, t * x.B + b, 4 * hidden), bias, cPrevious, c, state); // F3
                    state.CopyTo(tape.Y.Row(t, b)[(d * hidden)..]);
                }
                else cPrevious.CopyTo(c);
            }
        }
    }

    private void StepBackward(in RecurrentTape tape, Batch<R> dy, StateGradient dState, Slice slice)
    {
        var (x, d) = (tape.X, slice.Direction);
        var weight = cells[d].WeightHh.PackedRows;
        var gates = View(tape.Gates, d, x.Rows, 4 * hidden);
        var dh = View(dState.H, d, x.B, hidden);
        for (var step = x.T - 1; step >= 0; step--)
        {
            var t = d == 0 ? step : x.T - 1 - step;
            for (var b = slice.First; b < slice.End; b++)
            {
                var dGates = Row(tape.Gates, d, x.Rows, t * x.B + b, 4 * hidden);
                if (t < x.Lengths.Span[b])
                {
                    var dhRow = Row(dState.H, d, x.B, b, hidden);
                    LstmCell<R>.GatesBackward(dGates, CellBefore(tape, d, step, b), Row(tape.C, d, x.Rows, t * x.B + b, hidden),
                        dy.Row(t, b).Slice(d * hidden, hidden), dhRow, Row(dState.C, d, x.B, b, hidden)); // B1
                    dhRow.Clear();
                }
                else dGates.Clear();
            }
            var active = slice.Active(x.Lengths.Span, t);
            if (step > 0 && active > 0)
                Gemm.Multiply(gates.SliceRows(t * x.B + slice.First, active), weight, dh.SliceRows(slice.First, active), accumulate: true); // B2
        }
    }

    /// <summary>The cell state before a step: that of the frame visited before, at the first step the initial one.</summary>
    private Span<R> CellBefore(in RecurrentTape tape, int d, int step, int b)
    {
        var (T, B) = (tape.X.T, tape.X.B);
        var previous = d == 0 ? step - 1 : T - step;
        return step == 0 ? Row(tape.C0, d, B, b, hidden) : Row(tape.C, d, T * B, previous * B + b, hidden);
    }

    /// <summary>The part of direction <paramref name="d"/> in memory that holds [rows, columns] for each direction.</summary>
    private static MatrixView<R> View(Memory<R> memory, int d, int rows, int columns) =>
        new(memory.Slice(d * rows * columns, rows * columns), rows, columns);

    private static Span<R> Row(Memory<R> memory, int d, int rows, int row, int columns) =>
        memory.Span.Slice((d * rows + row) * columns, columns);

    /// <summary>What the backward pass needs, for each direction d.</summary>
    private struct RecurrentTape
    {
        /// <summary>[T, B, I]: B3.</summary>
        public Batch<R> X;

        /// <summary>[T, B, D H], the hidden states: B4.</summary>
        public Batch<R> Y;

        /// <summary>[D, T, B, 4H], i, f, g, o: B1, which leaves the gradients for B2 to B6 in their place.</summary>
        public Memory<R> Gates;

        /// <summary>[D, T, B, H], cell states: B1.</summary>
        public Memory<R> C;

        /// <summary>[D, B, H], cell states before the first step: B1.</summary>
        public Memory<R> C0;

        /// <summary>[D, B, H], the hidden states as the forward pass carries them along.</summary>
        public Memory<R> H;

        /// <summary>[D, 4H], the sums of both biases.</summary>
        public Memory<R> Bias;
    }

    /// <param name="H">[D, B, H], gradient with respect to the hidden state between two steps.</param>
    /// <param name="C">[D, B, H], gradient with respect to the cell state between two steps.</param>
    private readonly record struct StateGradient(Memory<R> H, Memory<R> C);

    /// <summary>Utterances <c>First..End</c> in one direction: what one thread takes through time.</summary>
    private readonly record struct Slice(int Direction, int First, int End)
    {
        /// <summary>How many rows from the first reach frame <paramref name="t"/>, those in between included.</summary>
        public int Active(ReadOnlySpan<int> lengths, int t)
        {
            var end = End;
            while (end > First && lengths[end - 1] <= t) end--;
            return end - First;
        }
    }

    /// <summary>Directions times slices of the batch, enough of them to give every thread something to do.</summary>
    private readonly struct Slices
    {
        private const int SmallestSlice = 4;

        private readonly int batch, directions, rows;

        public Slices(int batch, int directions, ThreadTeam team)
        {
            var perDirection = Math.Max(1, team.Threads / directions);
            (this.batch, this.directions) = (batch, directions);
            rows = Math.Max(SmallestSlice, (batch + perDirection - 1) / perDirection);
        }

        private int PerDirection => (batch + rows - 1) / rows;

        public int Count => directions * PerDirection;

        public Slice this[int index] =>
            new(index / PerDirection, index % PerDirection * rows, Math.Min(batch, (index % PerDirection + 1) * rows));
    }
}
