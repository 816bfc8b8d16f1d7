using System.Numerics;

namespace Hybrid.Core;

/// <summary>What a forward or backward pass needs besides its input.</summary>
/// <param name="Workspace">Memory, threads, and what layers keep between the two passes.</param>
/// <param name="Training">
/// True: statistics come from the batch, dropout and masks act. False: running statistics, nothing random.
/// </param>
/// <param name="Random">The randomness of this step; layers and utterances fork their own from it.</param>
public readonly record struct Pass(Workspace Workspace, bool Training = false, CounterRandom Random = default)
{
    /// <summary>
    /// Nobody wants the gradient with respect to the input: below the first layer with weights there is nothing to train. A layer
    /// that is told so may return nothing from Backward.
    /// </summary>
    public bool SkipInputGradient { get; init; }
}

/// <summary>
/// A step of a network: batches of feature sequences to batches of feature sequences. Write your own by deriving from it.
/// </summary>
/// <remarks>
/// The contract: <see cref="Forward"/> leaves its input as it is, takes its output from the workspace, and leaves frames
/// beyond an utterance's length zero. <see cref="Backward"/>, called once after it, gets the gradient of the loss with respect
/// to the output of the latest Forward with the same workspace, adds to the gradients of the parameters and returns the
/// gradient with respect to the input; both gradients are zero beyond an utterance's length too. What it needs from the forward
/// pass is kept in a tape struct of the layer, <c>pass.Workspace.Tape&lt;MyTape&gt;(this)</c>. A layer made of others takes them
/// in with <see cref="AddChild"/>. <see cref="GradientCheck"/> tells whether it all holds; <see cref="CustomLayerSpec"/> puts the layer into
/// networks.
/// </remarks>
/// <typeparam name="TReal">Float in production, double in gradient checks.</typeparam>
public abstract class Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly List<Layer<TReal>> children = [];

    /// <summary>The stable place in the network, such as <c>encoder.2</c>; empty for a layer outside a network.</summary>
    public string Path { get; private set; } = "";

    /// <summary>Whether the layer, one of a network's, stays as it is for now: it runs as in evaluation, and its parameters do not move.</summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>The layers that this one is made of.</summary>
    public IReadOnlyList<Layer<TReal>> Children => children;

    /// <summary>Weights and running statistics, those of children included, in the order in which PyTorch's module has them.</summary>
    public virtual IReadOnlyList<Parameter<TReal>> Parameters { get; protected init; } = [];

    /// <summary>Features per frame of the output.</summary>
    public abstract int OutputFeatures { get; }

    /// <summary>Frames of the output for an utterance of <paramref name="frames"/> frames.</summary>
    public virtual int OutputLength(int frames) => frames;

    /// <summary>Frame k of the output is centred on frame <c>k * Stride + Offset</c> of the input.</summary>
    public virtual (int Stride, double Offset) Centers => (1, 0);

    /// <summary>
    /// Multiply-adds of the forward pass for an utterance of <paramref name="frames"/> input frames, as many as the layer does, which
    /// may be fewer than its definition has; 0 where there are next to none.
    /// </summary>
    public virtual long MultiplyAdds(int frames) => 0;

    /// <summary>Whether Backward heeds <see cref="Pass.SkipInputGradient"/>; others are never told.</summary>
    internal virtual bool CanSkipInputGradient => false;

    /// <summary>[T, B, F] to [T', B, F'].</summary>
    public abstract Batch<TReal> Forward(Batch<TReal> x, Pass pass);

    /// <summary>Gradient with respect to the output, [T', B, F'], to gradient with respect to the input, [T, B, F].</summary>
    public abstract Batch<TReal> Backward(Batch<TReal> dy, Pass pass);

    /// <summary>
    /// Takes in a layer that this one is made of: <paramref name="name"/> becomes the beginning of its path and of the names of
    /// its parameters. They belong into <see cref="Parameters"/> too.
    /// </summary>
    protected TLayer AddChild<TLayer>(string name, TLayer child)
        where TLayer : Layer<TReal>
    {
        child.Place(name);
        children.Add(child);
        return child;
    }

    /// <summary>The pass as this layer is to see it.</summary>
    internal Pass In(Pass pass) => IsFrozen ? pass with { Training = false } : pass;

    /// <summary>Puts the layer and all in it below a path.</summary>
    internal void Place(string path)
    {
        foreach (var parameter in Parameters)
            parameter.Name = $"{path}.{parameter.Name}";
        MoveBelow(path);
    }

    /// <summary>Room for the output for <paramref name="x"/>; the content is undefined, that beyond the lengths too.</summary>
    protected Batch<TReal> RentOutput(Batch<TReal> x, Workspace workspace)
    {
        var T = OutputLength(x.T);
        var lengths = workspace.Rent<int>(x.B);
        for (var b = 0; b < x.B; b++)
            lengths.Span[b] = OutputLength(x.Lengths.Span[b]);
        return new Batch<TReal>(
            workspace.Rent<TReal>(T * x.B * OutputFeatures),
            T,
            x.B,
            OutputFeatures,
            lengths,
            x.Keys
        );
    }

    /// <summary>Refuses a batch with another number of features than the layer was made for.</summary>
    protected static void RequireFeatures(Batch<TReal> x, int features, string what)
    {
        if (x.F != features)
            throw new ArgumentException($"{what} takes {features} features per frame, the batch has {x.F}", nameof(x));
    }

    private void MoveBelow(string path)
    {
        Path = Path.Length == 0 ? path : $"{path}.{Path}";
        foreach (var child in children)
            child.MoveBelow(path);
    }
}
