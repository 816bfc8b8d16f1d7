using System.Numerics;

namespace Hybrid.Core;

/// <summary>The environment of a forward or backward pass.</summary>
/// <param name="Workspace">Memory, threads, and the values that layers keep between the two passes.</param>
/// <param name="Training">
/// True: batch statistics, dropout and masks are active. False: running statistics, nothing random.
/// </param>
/// <param name="Random">The random generator of this step; layers and utterances fork theirs from it.</param>
public readonly record struct Pass(Workspace Workspace, bool Training = false, CounterRandom Random = default)
{
    /// <summary>
    /// The input gradient is not needed (no trainable layer below); Backward may return an empty batch.
    /// </summary>
    public bool SkipInputGradient { get; init; }
}

/// <summary>
/// A layer of a network: maps batches of feature sequences to batches of feature sequences. Base class of custom
/// layers.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="Forward"/> does not modify its input, rents its output from the workspace, and leaves frames beyond an
/// utterance's length zero.
/// </para>
/// <para>
/// <see cref="Backward"/> is called at most once after each Forward. It takes the gradient of the loss with respect to
/// the output of the latest Forward with the same workspace, adds to the gradients of the parameters, and returns the
/// gradient with respect to the input. Both gradients are zero beyond an utterance's length.
/// </para>
/// <para>
/// Values needed from the forward pass are kept in a tape struct of the layer,
/// <c>pass.Workspace.Tape&lt;MyTape&gt;(this)</c>, and Backward takes them with <c>TakeTape</c>, which refuses a second
/// Backward. A layer made of others adds them with <see cref="AddChild"/>. <see cref="GradientCheck"/> verifies an
/// implementation; <see cref="CustomLayerSpec"/> makes the layer available to networks.
/// </para>
/// <para>
/// NaN and infinity of an utterance propagate to outputs of that utterance only, except through batch statistics. An
/// output may share the memory of the input where a layer says so, as dropout does in evaluation.
/// </para>
/// </remarks>
/// <example>
/// A layer that multiplies every feature by the same number:
/// <code>
/// public sealed class Scale&lt;TReal&gt;(int features, TReal factor) : Layer&lt;TReal&gt;
///     where TReal : unmanaged, IBinaryFloatingPointIeee754&lt;TReal&gt;
/// {
///     public override int OutputFeatures => features;
///
///     public override Batch&lt;TReal&gt; Forward(Batch&lt;TReal&gt; x, Pass pass) => Multiply(x, pass);
///
///     public override Batch&lt;TReal&gt; Backward(Batch&lt;TReal&gt; dy, Pass pass) => Multiply(dy, pass);
///
///     private Batch&lt;TReal&gt; Multiply(Batch&lt;TReal&gt; x, Pass pass)
///     {
///         RequireFeatures(x, features, "Scale");
///         var y = x.Like(pass.Workspace, features);
///         TensorPrimitives.Multiply(x.Data.Span, factor, y.Data.Span);
///         return y;
///     }
/// }
/// </code>
/// </example>
/// <typeparam name="TReal">Float in production, double in gradient checks.</typeparam>
public abstract class Layer<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly List<Layer<TReal>> children = [];

    /// <summary>
    /// The stable path in the network, such as <c>encoder.2</c>; empty for a layer outside a network.
    /// </summary>
    public string Path { get; private set; } = "";

    /// <summary>
    /// Whether the layer of a network is frozen: it runs as in evaluation, and its parameters are not updated.
    /// </summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>The layers that this one consists of.</summary>
    public IReadOnlyList<Layer<TReal>> Children => children;

    /// <summary>Weights and buffers, including those of children, in the order of PyTorch's module.</summary>
    public virtual IReadOnlyList<Parameter<TReal>> Parameters { get; protected init; } = [];

    /// <summary>Features per frame of the output.</summary>
    public abstract int OutputFeatures { get; }

    /// <summary>Frames of the output for an utterance of <paramref name="frames"/> frames.</summary>
    public virtual int OutputLength(int frames) => frames;

    /// <summary>The positions of output frames in the input.</summary>
    public virtual FrameMapping FrameMapping => FrameMapping.Identity;

    /// <summary>
    /// Multiply-adds of the forward pass for an utterance of <paramref name="frames"/> input frames, as executed, which
    /// may be fewer than in the layer's definition; 0 where they are negligible.
    /// </summary>
    public virtual long MultiplyAdds(int frames) => 0;

    /// <summary>
    /// Whether Backward handles <see cref="Pass.SkipInputGradient"/>; for other layers it is never set.
    /// </summary>
    internal virtual bool CanSkipInputGradient => false;

    /// <summary>Computes the output, [T, B, F] to [T', B, F'].</summary>
    /// <exception cref="ArgumentException">The batch has another number of features than the layer takes.</exception>
    public abstract Batch<TReal> Forward(Batch<TReal> x, Pass pass);

    /// <summary>
    /// Computes the gradient with respect to the input, [T, B, F], from that with respect to the output, [T', B, F'],
    /// and adds to the gradients of the parameters.
    /// </summary>
    public abstract Batch<TReal> Backward(Batch<TReal> dy, Pass pass);

    /// <summary>The path, if there is one, and the kind of the layer.</summary>
    public override string ToString()
    {
        var kind = GetType().Name.Split('`')[0];
        return Path.Length == 0 ? kind : $"{Path} ({kind})";
    }

    /// <summary>
    /// Adds a layer that this one consists of. Its path and the names of its parameters are prefixed with
    /// <paramref name="name"/>. Its parameters must be added to <see cref="Parameters"/> too.
    /// </summary>
    protected TLayer AddChild<TLayer>(string name, TLayer child)
        where TLayer : Layer<TReal>
    {
        child.Place(name);
        children.Add(child);
        return child;
    }

    /// <summary>The pass for this layer: in evaluation mode if the layer is frozen.</summary>
    internal Pass In(Pass pass) => IsFrozen ? pass with { Training = false } : pass;

    /// <summary>Prefixes the paths and parameter names of the layer and its children.</summary>
    internal void Place(string path)
    {
        foreach (var parameter in Parameters)
            parameter.Name = $"{path}.{parameter.Name}";
        PrefixPaths(path);
    }

    /// <summary>
    /// The output batch for <paramref name="x"/> in rented memory; contents undefined, including those beyond the
    /// lengths.
    /// </summary>
    /// <exception cref="ArgumentException">It would have more elements than an array can have.</exception>
    protected Batch<TReal> RentOutput(Batch<TReal> x, Workspace workspace)
    {
        var T = OutputLength(x.T);
        var lengths = workspace.Rent<int>(x.B);
        for (var b = 0; b < x.B; b++)
            lengths.Span[b] = OutputLength(x.Lengths.Span[b]);
        return new Batch<TReal>(
            workspace.Rent<TReal>(Batch<TReal>.Size(T, x.B, OutputFeatures)),
            T,
            x.B,
            OutputFeatures,
            lengths,
            x.Keys
        );
    }

    /// <summary>Checks that a batch has the number of features that the layer takes.</summary>
    /// <exception cref="ArgumentException">It has another number.</exception>
    protected static void RequireFeatures(Batch<TReal> x, int features, string what)
    {
        if (x.F != features)
            throw new ArgumentException($"{what} takes {features} features per frame, the batch has {x.F}", nameof(x));
    }

    private void PrefixPaths(string path)
    {
        Path = Path.Length == 0 ? path : $"{path}.{Path}";
        foreach (var child in children)
            child.PrefixPaths(path);
    }
}
