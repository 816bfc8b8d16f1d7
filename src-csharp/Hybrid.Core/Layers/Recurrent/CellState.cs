using System.Numerics;

namespace Hybrid.Core;

/// <summary>
/// The state of a cell between two frames, or the gradient with respect to it. A default matrix means zeros.
/// </summary>
/// <param name="H">
/// Hidden states, [B, H]; for a <see cref="RecurrentStack{TReal}"/> as its Forward describes.
/// </param>
/// <param name="C">Cell states of the same shape, if the cell has them (LSTM).</param>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly record struct CellState<TReal>(MatrixView<TReal> H, MatrixView<TReal> C = default)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>Views of h and c in whole states, [rows, H] or [rows, 2H].</summary>
    internal static CellState<TReal> Of(MatrixView<TReal> states, int hidden) =>
        new(states.SliceColumns(0, hidden), states.Columns > hidden ? states.SliceColumns(hidden, hidden) : default);

    /// <summary>Writes whole states, [rows, H] or [rows, 2H]; zeros for a default matrix.</summary>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    internal void CopyTo(MatrixView<TReal> states, int hidden)
    {
        Copy(H, states.SliceColumns(0, hidden), "h");
        if (states.Columns > hidden)
            Copy(C, states.SliceColumns(hidden, hidden), "c");
        else if (C.Rows > 0)
            throw new ArgumentException("this cell has no cell state c, only h");
    }

    private static void Copy(MatrixView<TReal> from, MatrixView<TReal> to, string name)
    {
        if (from.Rows > 0 && (from.Rows, from.Columns) != (to.Rows, to.Columns))
            throw new ArgumentException(
                $"the state {name} is [{from.Rows}, {from.Columns}], must be [{to.Rows}, {to.Columns}]"
            );
        for (var i = 0; i < to.Rows; i++)
        {
            if (from.Rows == 0)
                to.Row(i).Clear();
            else
                from.Row(i).CopyTo(to.Row(i));
        }
    }
}

/// <summary>
/// One step of a cell: the state after it, and the values needed for its backward pass. Derivation: RecurrentStack.md.
/// </summary>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly struct CellStep<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    internal CellStep(
        Cell<TReal> cell,
        MatrixView<TReal> x,
        MatrixView<TReal> before,
        MatrixView<TReal> after,
        MatrixView<TReal> gates,
        Memory<byte> taken
    ) => (Cell, X, Before, After, Gates, Taken) = (cell, x, before, after, gates, taken);

    /// <summary>The state after the step.</summary>
    public CellState<TReal> State => CellState<TReal>.Of(After, Cell.Hidden);

    /// <summary>The cell that made the step.</summary>
    internal Cell<TReal> Cell { get; }

    /// <summary>[B, I], the frame: B3.</summary>
    internal MatrixView<TReal> X { get; }

    /// <summary>[B, H] or [B, 2H], the state before the step: B1, B4.</summary>
    internal MatrixView<TReal> Before { get; }

    /// <summary>The state after the step: B1.</summary>
    internal MatrixView<TReal> After { get; }

    /// <summary>
    /// [B, <see cref="Cell{TReal}.TapeSize"/>], the values of the gates: B1, which replaces them by the gradients for
    /// B2 to B6.
    /// </summary>
    internal MatrixView<TReal> Gates { get; }

    /// <summary>[1], the number of backward passes of the step.</summary>
    internal Memory<byte> Taken { get; }
}

/// <summary>The result of a backward step.</summary>
/// <param name="X">[B, I], gradient with respect to the frame.</param>
/// <param name="Before">Gradient with respect to the state before the step.</param>
/// <typeparam name="TReal">Float or double.</typeparam>
public readonly record struct CellGradient<TReal>(MatrixView<TReal> X, CellState<TReal> Before)
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;
