using System.Numerics;

namespace Hybrid.Core;

/// <summary>What a cell carries from one frame to the next, or the gradient with respect to it. Nothing given means zero.</summary>
/// <param name="H">Hidden states, one row for each utterance, [B, H]; for a <see cref="Recurrent{R}"/> see there.</param>
/// <param name="C">Cell states of the same shape, where the cell has them (LSTM).</param>
/// <typeparam name="R">Float or double.</typeparam>
public readonly record struct CellState<R>(MatrixView<R> H, MatrixView<R> C = default) where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>Views of the parts of whole states, [rows, H] or [rows, 2H].</summary>
    internal static CellState<R> Of(MatrixView<R> states, int hidden) =>
        new(states.SliceColumns(0, hidden), states.Columns > hidden ? states.SliceColumns(hidden, hidden) : default);

    /// <summary>Writes whole states, [rows, H] or [rows, 2H]; zero for what was not given.</summary>
    internal void CopyTo(MatrixView<R> states, int hidden)
    {
        Copy(H, states.SliceColumns(0, hidden), "h");
        if (states.Columns > hidden) Copy(C, states.SliceColumns(hidden, hidden), "c");
        else if (C.Rows > 0) throw new ArgumentException("this cell has no cell state c, only h");
    }

    /// <summary>Some of the rows of both; nothing stays nothing.</summary>
    internal CellState<R> SliceRows(int start, int count) =>
        new(H.Rows == 0 ? H : H.SliceRows(start, count), C.Rows == 0 ? C : C.SliceRows(start, count));

    private static void Copy(MatrixView<R> from, MatrixView<R> to, string name)
    {
        if (from.Rows > 0 && (from.Rows, from.Columns) != (to.Rows, to.Columns))
            throw new ArgumentException($"the state {name} is [{from.Rows}, {from.Columns}], must be [{to.Rows}, {to.Columns}]");
        for (var i = 0; i < to.Rows; i++)
        {
            if (from.Rows == 0) to.Row(i).Clear();
            else from.Row(i).CopyTo(to.Row(i));
        }
    }
}

/// <summary>One step of a cell: the state after it, and what its backward pass needs. Derivation: Recurrent.md.</summary>
/// <typeparam name="R">Float or double.</typeparam>
public readonly struct CellStep<R> where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    internal CellStep(Cell<R> cell, MatrixView<R> x, MatrixView<R> before, MatrixView<R> after, MatrixView<R> gates) =>
        (Cell, X, Before, After, Gates) = (cell, x, before, after, gates);

    /// <summary>The state after the step.</summary>
    public CellState<R> State => CellState<R>.Of(After, Cell.Hidden);

    /// <summary>Whose step it is.</summary>
    internal Cell<R> Cell { get; }

    /// <summary>[B, I], the frame: B3.</summary>
    internal MatrixView<R> X { get; }

    /// <summary>[B, H] or [B, 2H], the state before the step: B1, B4.</summary>
    internal MatrixView<R> Before { get; }

    /// <summary>The state after it: B1.</summary>
    internal MatrixView<R> After { get; }

    /// <summary>[B, <see cref="Cell{R}.TapeSize"/>], what the gates left: B1, which leaves the gradients for B2 to B6 in their place.</summary>
    internal MatrixView<R> Gates { get; }
}

/// <summary>What a backward step returns.</summary>
/// <param name="X">[B, I], gradient with respect to the frame.</param>
/// <param name="Before">Gradient with respect to the state before the step.</param>
/// <typeparam name="R">Float or double.</typeparam>
public readonly record struct CellGradient<R>(MatrixView<R> X, CellState<R> Before) where R : unmanaged, IBinaryFloatingPointIeee754<R>;
