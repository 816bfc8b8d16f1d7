using System.Numerics;
using System.Numerics.Tensors;

namespace Hybrid.Core;

/// <summary>
/// A recurrent cell: maps the features of a frame and the state before it to the state after it. It runs step by step
/// (<see cref="Forward"/>, <see cref="Backward"/>) or over a sequence (<see cref="RecurrentStack{TReal}"/>), with the
/// same kernels. Derivation: RecurrentStack.md.
/// </summary>
/// <remarks>
/// Parameters are PyTorch's: W_ih [G H, I], W_hh [G H, H] and two bias vectors [G H], with the weights of G gates one
/// below the other. Initial input weights are those of Glorot and Bengio (2010), recurrent ones uniform in +-1 /
/// sqrt(H), biases 0 unless a cell defines others. A NaN in a row of the frame or the state makes the later states of
/// that row NaN, and no others.
/// </remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
public abstract class Cell<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private protected Cell(
        int inputs,
        int hidden,
        int gates,
        int states,
        string suffix,
        Parameter<TReal>.InitialValue? bias = null,
        bool separateLastGate = false
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hidden, Array.MaxLength / (gates + 1), nameof(hidden));
        (Inputs, Hidden, GateSize, StateSize) = (inputs, hidden, gates * hidden, states * hidden);
        WeightIh = Parameter<TReal>.Glorot("weight_ih" + suffix, inputs, hidden, GateSize, inputs);
        WeightHh = Parameter<TReal>.Uniform("weight_hh" + suffix, 1 / Math.Sqrt(hidden), GateSize, hidden);
        BiasIh = Parameter<TReal>.Trainable("bias_ih" + suffix, bias ?? ((_, _) => 0), GateSize);
        BiasHh = Parameter<TReal>.Constant("bias_hh" + suffix, 0, GateSize);
        Parameters = [WeightIh, WeightHh, BiasIh, BiasHh];
        RecurrentWeightBlocks = separateLastGate
            ?
            [
                new(WeightHh, 0, GateSize - hidden, 0, adds: true),
                new(WeightHh, GateSize - hidden, hidden, GateSize, adds: false),
            ]
            : [new(WeightHh, 0, GateSize, 0, adds: true)];
        TapeSize = separateLastGate ? GateSize + hidden : GateSize;
    }

    /// <summary>Features per frame, I.</summary>
    public int Inputs { get; }

    /// <summary>Hidden units, H.</summary>
    public int Hidden { get; }

    /// <summary>Input weights, [G H, I].</summary>
    public Parameter<TReal> WeightIh { get; }

    /// <summary>Recurrent weights, [G H, H].</summary>
    public Parameter<TReal> WeightHh { get; }

    /// <summary>Bias on the input side, [G H].</summary>
    public Parameter<TReal> BiasIh { get; }

    /// <summary>Bias on the recurrent side, [G H].</summary>
    public Parameter<TReal> BiasHh { get; }

    /// <summary>The four tensors in PyTorch's order.</summary>
    public IReadOnlyList<Parameter<TReal>> Parameters { get; }

    /// <summary>G H: elements of all gates.</summary>
    internal int GateSize { get; }

    /// <summary>Elements of the whole state: H, or 2 H with a cell state after the hidden state.</summary>
    internal int StateSize { get; }

    /// <summary>
    /// Elements of a frame kept for the backward pass: G H gates, computed from the sum of W_ih x and W_hh h, and H
    /// more if the recurrent product of the last gate is stored separately (GRU).
    /// </summary>
    internal int TapeSize { get; }

    /// <summary>The blocks of W_hh, by the columns of their products.</summary>
    internal RecurrentWeightBlock<TReal>[] RecurrentWeightBlocks { get; }

    /// <summary>Makes one step of a batch.</summary>
    /// <param name="x">[B, I], the frame.</param>
    /// <param name="before">The state before it; default for zeros.</param>
    /// <param name="workspace">
    /// Memory and threads. The step is valid until the workspace is reset; an endless stream alternates between two of
    /// them.
    /// </param>
    /// <exception cref="ArgumentException">The sizes do not match.</exception>
    public CellStep<TReal> Forward(MatrixView<TReal> x, CellState<TReal> before, Workspace workspace)
    {
        if (x.Columns != Inputs)
            throw new ArgumentException($"the cell takes {Inputs} features, the frame has {x.Columns}", nameof(x));
        MatrixView<TReal> Rent(int columns) => new(workspace.Rent<TReal>(x.Rows * columns), x.Rows, columns);
        var taken = workspace.RentZeroed<byte>(1);
        var step = new CellStep<TReal>(this, x, Rent(StateSize), Rent(StateSize), Rent(TapeSize), taken);
        before.CopyTo(step.Before, Hidden);
        Gemm.Multiply(
            x,
            WeightIh.PackedColumns,
            step.Gates.SliceColumns(0, GateSize),
            accumulate: false,
            workspace.Team
        ); // F1
        var h = step.Before.SliceColumns(0, Hidden);
        AddRecurrentProduct(h, step.Gates, reversePanels: false, workspace.Team); // F2
        var bias = workspace.Rent<TReal>(GateSize).Span;
        SumBiases(bias);
        for (var b = 0; b < x.Rows; b++)
            Gates(step.Gates.Row(b), bias, step.Before.Row(b), step.After.Row(b)); // F3
        return step;
    }

    /// <summary>
    /// The backward pass of <see cref="Forward"/>, once per step: adds to the gradients of the parameters.
    /// </summary>
    /// <param name="step">The result of Forward; its memory is overwritten.</param>
    /// <param name="dAfter">Gradient with respect to the state after the step; default for zeros.</param>
    /// <param name="workspace">Memory and threads.</param>
    /// <returns>Gradients with respect to the frame and to the state before it.</returns>
    /// <exception cref="ArgumentException">The sizes do not match, or another cell made the step.</exception>
    /// <exception cref="InvalidOperationException">The step has had its backward pass.</exception>
    public CellGradient<TReal> Backward(CellStep<TReal> step, CellState<TReal> dAfter, Workspace workspace)
    {
        if (step.Cell != this)
            throw new ArgumentException("the step is not one of this cell", nameof(step));
        if (step.Taken.Span[0]++ > 0)
            throw new InvalidOperationException(
                $"{GetType().Name.Split('`')[0]}: the step has had its Backward, each Forward allows one: call Forward "
                    + "again"
            );
        var (x, B) = (step.X, step.X.Rows);
        var dState = new MatrixView<TReal>(workspace.Rent<TReal>(B * StateSize), B, StateSize);
        dAfter.CopyTo(dState, Hidden);
        var noGradient = workspace.RentZeroed<TReal>(Hidden).Span;
        for (var b = 0; b < B; b++)
            GatesBackward(step.Gates.Row(b), step.Before.Row(b), step.After.Row(b), noGradient, dState.Row(b)); // B1
        AddStateGradient(step.Gates, dState.SliceColumns(0, Hidden), workspace.Team); // B2
        AddWeightGradients(step.Gates, x, step.Before.SliceColumns(0, Hidden), workspace.Team);
        AddBiasGradients(step.Gates);
        var dx = new MatrixView<TReal>(workspace.Rent<TReal>(B * Inputs), B, Inputs);
        var dInput = step.Gates.SliceColumns(0, GateSize);
        Gemm.Multiply(dInput, WeightIh.PackedRows, dx, accumulate: false, workspace.Team); // B6
        return new CellGradient<TReal>(dx, CellState<TReal>.Of(dState, Hidden));
    }

    /// <summary>One step of one utterance, after both matrix products.</summary>
    /// <param name="gates">
    /// [<see cref="TapeSize"/>], in: both products; out: the values for <see cref="GatesBackward"/>.
    /// </param>
    /// <param name="bias">[G H], from <see cref="SumBiases"/>.</param>
    /// <param name="before">[H] or [2H], the state before the step: h, then c.</param>
    /// <param name="after">Out: the state after it.</param>
    internal abstract void Gates(
        Span<TReal> gates,
        ReadOnlySpan<TReal> bias,
        ReadOnlySpan<TReal> before,
        Span<TReal> after
    );

    /// <summary>The backward pass of <see cref="Gates"/>.</summary>
    /// <param name="gates">
    /// [<see cref="TapeSize"/>], in: the values of Gates; out: gradients with respect to both products.
    /// </param>
    /// <param name="before">The state before the step.</param>
    /// <param name="after">The state after it.</param>
    /// <param name="dy">[H], gradient with respect to h as the output of the step.</param>
    /// <param name="dState">
    /// In: gradient with respect to the state after the step as the input of the next one; out: with respect to the
    /// state before it, without the part through W_hh.
    /// </param>
    internal abstract void GatesBackward(
        Span<TReal> gates,
        ReadOnlySpan<TReal> before,
        ReadOnlySpan<TReal> after,
        ReadOnlySpan<TReal> dy,
        Span<TReal> dState
    );

    /// <summary>The biases that the gates add to W_ih x: the sums of both, unless a cell keeps some separate.</summary>
    internal virtual void SumBiases(Span<TReal> bias) => TensorPrimitives.Add(BiasIh.Value, BiasHh.Value, bias);

    /// <summary>
    /// Adds W_hh h to W_ih x, or stores it separately; weights are read in either order, as in <see cref="Gemm"/>.
    /// </summary>
    /// <param name="h">[N, H], hidden states.</param>
    /// <param name="gates">[N, <see cref="TapeSize"/>]</param>
    /// <param name="reversePanels">Whether the last weights come first.</param>
    /// <param name="team">Threads; null for the calling thread only.</param>
    internal void AddRecurrentProduct(
        MatrixView<TReal> h,
        MatrixView<TReal> gates,
        bool reversePanels,
        ThreadTeam? team = null
    )
    {
        for (var i = 0; i < RecurrentWeightBlocks.Length; i++)
        {
            var part = RecurrentWeightBlocks[reversePanels ? RecurrentWeightBlocks.Length - 1 - i : i];
            Gemm.Multiply(h, part.PackedColumns, part.Of(gates), part.Adds, team, reversePanels);
        }
    }

    /// <summary>Adds the part through W_hh to the gradient of hidden states.</summary>
    /// <param name="dGates">[N, <see cref="TapeSize"/>], the gradients of <see cref="GatesBackward"/>.</param>
    /// <param name="dh">[N, H]</param>
    /// <param name="team">Threads; null for the calling thread only.</param>
    internal void AddStateGradient(MatrixView<TReal> dGates, MatrixView<TReal> dh, ThreadTeam? team = null)
    {
        foreach (var part in RecurrentWeightBlocks)
            Gemm.Multiply(part.Of(dGates), part.PackedRows, dh, accumulate: true, team);
    }

    /// <summary>Adds to the gradients of all weights, from any number of frames.</summary>
    /// <param name="dGates">[N, <see cref="TapeSize"/>], the gradients of <see cref="GatesBackward"/>.</param>
    /// <param name="x">[N, I], the frames.</param>
    /// <param name="h">[N, H], the hidden states before them.</param>
    /// <param name="team">Threads.</param>
    internal void AddWeightGradients(
        MatrixView<TReal> dGates,
        MatrixView<TReal> x,
        MatrixView<TReal> h,
        ThreadTeam team
    )
    {
        var (dIh, dHh) = (WeightIh.GradientMatrix, WeightHh.GradientMatrix);
        Gemm.MultiplyWithSharedA(dGates.Transposed, x, dIh, h, dHh, team); // B3, B4
    }

    /// <summary>Adds to the gradients of the biases, from any number of frames.</summary>
    /// <param name="dGates">
    /// [N, <see cref="TapeSize"/>], the gradients of <see cref="GatesBackward"/>, or their sums over frames.
    /// </param>
    internal void AddBiasGradients(MatrixView<TReal> dGates)
    {
        for (var i = 0; i < dGates.Rows; i++) // B5
        {
            var row = dGates.Row(i);
            TensorPrimitives.Add(BiasIh.Gradient, row[..GateSize], BiasIh.Gradient);
            foreach (var part in RecurrentWeightBlocks)
            {
                var gradient = BiasHh.Gradient.AsSpan(part.Row, part.Rows);
                TensorPrimitives.Add(gradient, row.Slice(part.Column, part.Rows), gradient);
            }
        }
    }
}
