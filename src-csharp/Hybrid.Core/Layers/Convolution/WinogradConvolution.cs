using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// A convolution of three taps by minimal filtering F(2, 3): four products for two neighbouring output frames instead of six
/// (Winograd 1980; Lavin and Gray 2016). Derivation: WinogradConvolution.md.
/// </summary>
/// <remarks>Exact but for rounding, which is less than that of the sum over all taps, because the sums are shorter.</remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
internal sealed class WinogradConvolution<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>Taps.</summary>
    public const int Kernel = 3;

    // With fewer channels the additions before and after the products cost what those save.
    private const int FewestChannels = 48;

    private const int Products = 4,
        AllProducts = (1 << Products) - 1,
        Reach = Kernel - 1;

    // Pairs of frames, of all utterances, that are transformed and multiplied together: about as many rows as stay in the cache. Short
    // sounds are cut finer, so that every thread has some blocks.
    private const int RowsAtOnce = 96,
        BlocksPerThread = 4;

    // The gradient is computed in so many pieces of time, whatever the team. A thread takes a piece, or a product of it where there
    // are more threads than pieces.
    private const int GradientPieces = 4;

    private readonly Parameter<TReal> weight;
    private readonly int inputs,
        outputs,
        padding;
    private TReal[] transformed = [];
    private readonly PackedCopy<TReal>[] forward = NewCopies(),
        backward = NewCopies();
    private int transformedVersion;

    /// <param name="weight">[O, I, 3]</param>
    /// <param name="padding">Frames of zeros before and after the input.</param>
    public WinogradConvolution(Parameter<TReal> weight, int padding) =>
        (this.weight, outputs, inputs, this.padding) = (weight, weight.Shape[0], weight.Shape[1], padding);

    /// <summary>Multiply-adds for so many output frames of an utterance.</summary>
    public long MultiplyAdds(int frames) => (long)IntMath.CeilDiv(frames, 2) * TransformedLength;

    /// <summary>Whether so many channels are worth the while.</summary>
    public static bool Pays(int inputs, int outputs) => Math.Min(inputs, outputs) >= FewestChannels;

    /// <summary>y = b + the convolution of x, padding not cleared.</summary>
    public void Forward(Batch<TReal> x, TReal[] bias, Batch<TReal> y, Workspace workspace)
    {
        Transform();
        for (var k = 0; k < Products; k++)
            weight.Pack(forward[k], TransformedTaps(k));
        Convolve(x, padding, forward, bias, y, workspace);
    }

    /// <summary>The gradient with respect to x: the convolution of dy with the taps in reverse order, padding not cleared.</summary>
    public void InputGradient(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        Transform();
        for (var k = 0; k < Products; k++)
            weight.Pack(backward[k], TransformedTaps(k is 0 or 3 ? 3 - k : k).Transposed); // B4
        Convolve(dy, Reach - padding, backward, null, dx, workspace);
    }

    /// <summary>Adds the gradient with respect to the taps.</summary>
    public void AddWeightGradient(Batch<TReal> x, Batch<TReal> dy, Workspace workspace)
    {
        var (blocks, slots) = (
            new Blocks(dy),
            new ScratchSlots(Math.Min(GradientPieces * Products, workspace.Team.Threads), workspace)
        );
        var sums = checked(GradientPieces * TransformedLength);
        var memory = workspace.Scratch<TReal>(
            checked(sums + slots.Count * Products * blocks.Rows * (inputs + outputs))
        );
        memory.Span[..sums].Clear();
        var job = new GradientJob(
            this,
            x,
            dy,
            blocks,
            slots,
            memory[sums..],
            memory[..sums],
            workspace.Team.Threads > GradientPieces ? Products : 1
        );
        workspace.Team.For(GradientPieces * job.Shares, job, static (in GradientJob job, int index) =>
            job.Run(index / job.Shares, index % job.Shares)
        );
        workspace.Team.For(
            IntMath.CeilDiv(outputs, Vector512<TReal>.Count),
            job,
            static (in GradientJob job, int part) => job.Merge(part)
        );
    }

    /// <summary>The frames, as bits, that V and dM of each product are made of.</summary>
    private static ReadOnlySpan<int> InputFrames => [0b0101, 0b0110, 0b0110, 0b1010];

    private static ReadOnlySpan<int> OutputFrames => [0b01, 0b11, 0b11, 0b10];

    private static PackedCopy<TReal>[] NewCopies() => [new(), new(), new(), new()];

    /// <summary>Numbers of U, and of dU.</summary>
    private int TransformedLength => Products * inputs * outputs;

    /// <summary>U of product <paramref name="k"/>, [I, O].</summary>
    private MatrixView<TReal> TransformedTaps(int k) =>
        new(transformed.AsMemory(k * inputs * outputs, inputs * outputs), inputs, outputs);

    private void Transform() => weight.Derive(ref transformedVersion, this, static layer =>
        {
            if (layer.transformed.Length == 0)
                layer.transformed = new TReal[layer.TransformedLength];
            var (taps, all, I, O) = (layer.weight.Value, layer.transformed, layer.inputs, layer.outputs);
            var (half, size, width) = (
                TReal.CreateTruncating(0.5),
                layer.inputs * layer.outputs,
                Vector512<TReal>.Count
            );
            for (var first = 0; first < O; first += width)
            {
                for (var i = 0; i < I; i++)
                {
                    for (var o = first; o < Math.Min(first + width, O); o++)
                    {
                        var (at, to) = ((o * I + i) * Kernel, i * O + o);
                        TReal outer = taps[at] + taps[at + 2],
                            middle = taps[at + 1];
                        all[to] = taps[at]; // F2
                        all[size + to] = (outer + middle) * half;
                        all[2 * size + to] = (outer - middle) * half;
                        all[3 * size + to] = taps[at + 2];
                    }
                }
            }
        });

    private static void Convolve(
        Batch<TReal> x,
        int padding,
        PackedCopy<TReal>[] taps,
        TReal[]? bias,
        Batch<TReal> y,
        Workspace workspace
    )
    {
        var threads = workspace.Team.Threads;
        var (blocks, slots) = (
            new Blocks(y, threads == 1 ? 1 : BlocksPerThread * threads),
            new ScratchSlots(threads, workspace)
        );
        var scratch = workspace.Scratch<TReal>(checked(slots.Count * Products * blocks.Rows * (x.F + y.F)));
        var job = new ConvolutionJob(x, padding, taps, bias, y, blocks, slots, scratch);
        workspace.Team.For(blocks.Count, job, static (in ConvolutionJob job, int block) => job.Run(block));
    }

    /// <summary>The pairs of output frames in blocks, at least so many if there are enough.</summary>
    private readonly struct Blocks(Batch<TReal> y, int fewest = 1)
    {
        private readonly int all = IntMath.CeilDiv(y.T, 2),
            utterances = y.B;
        private readonly int pairs = Math.Clamp(
            IntMath.CeilDiv(IntMath.CeilDiv(y.T, 2), fewest),
            1,
            Math.Max(1, RowsAtOnce / Math.Max(1, y.B))
        );

        public int Count => IntMath.CeilDiv(all, pairs);

        /// <summary>Rows of a whole block, a pair of frames of an utterance each.</summary>
        public int Rows => pairs * utterances;

        /// <summary>The first pair of a block, and how many there are.</summary>
        public (int First, int Count) Pairs(int block) => (block * pairs, Math.Min(pairs, all - block * pairs));
    }

    private readonly record struct ConvolutionJob(
        Batch<TReal> X,
        int Padding,
        PackedCopy<TReal>[] Taps,
        TReal[]? Bias,
        Batch<TReal> Y,
        Blocks Blocks,
        ScratchSlots Slots,
        Memory<TReal> Scratch
    )
    {
        public void Run(int block)
        {
            var (first, pairs) = Blocks.Pairs(block);
            int rows = pairs * X.B,
                slot = Slots.Acquire();
            var scratch = Scratch[(Scratch.Length / Slots.Count * slot)..];
            Memory<TReal> v = scratch[..(Products * rows * X.F)],
                m = scratch.Slice(v.Length, Products * rows * Y.F);
            ToProducts<InputTransform>(X, 2 * first - Padding, InputFrames, pairs, v.Span, AllProducts);
            for (var k = 0; k < Products; k++)
                Gemm.Multiply(
                    Part(v, k, rows, X.F),
                    Taps[k].Matrix!,
                    k == 1 ? Bias : default,
                    Part(m, k, rows, Y.F),
                    team: null
                ); // F3
            FromProducts(m.Span, Y, 2 * first, pairs);
            Slots.Release(slot);
        }
    }

    private readonly record struct GradientJob(
        WinogradConvolution<TReal> Layer,
        Batch<TReal> X,
        Batch<TReal> Dy,
        Blocks Blocks,
        ScratchSlots Slots,
        Memory<TReal> Scratch,
        Memory<TReal> Sums,
        int Shares
    )
    {
        /// <summary>A share of a piece's products: all of them, or one.</summary>
        public void Run(int piece, int share)
        {
            var wanted = Shares == 1 ? AllProducts : 1 << share;
            var slot = Slots.Acquire();
            var scratch = Scratch[(Scratch.Length / Slots.Count * slot)..];
            for (var block = Begin(piece); block < Begin(piece + 1); block++)
            {
                var (first, pairs) = Blocks.Pairs(block);
                var rows = pairs * X.B;
                Memory<TReal> v = scratch[..(Products * rows * X.F)],
                    dm = scratch.Slice(v.Length, Products * rows * Dy.F);
                ToProducts<InputTransform>(X, 2 * first - Layer.padding, InputFrames, pairs, v.Span, wanted);
                ToProducts<OutputGradient>(Dy, 2 * first, OutputFrames, pairs, dm.Span, wanted);
                for (var k = 0; k < Products; k++)
                    if ((wanted >> k & 1) == 1)
                        Gemm.Multiply(
                            Part(v, k, rows, X.F).Transposed,
                            Part(dm, k, rows, Dy.F),
                            Part(Sums, piece * Products + k, X.F, Dy.F),
                            accumulate: true
                        ); // B2
            }
            Slots.Release(slot);
        }

        private int Begin(int piece) => (int)((long)Blocks.Count * piece / GradientPieces);

        /// <summary>Adds the sums of all pieces for a register's worth of outputs to the gradient of the taps.</summary>
        public unsafe void Merge(int part)
        {
            int I = X.F,
                O = Dy.F,
                size = I * O,
                first = part * Vector512<TReal>.Count,
                left = O - first;
            var half = VectorMath.Constant<TReal>(0.5);
            var taps = stackalloc TReal[Kernel * Vector512<TReal>.Count];
            fixed (
                TReal* sums = Sums.Span,
                    gradient = Layer.weight.Gradient
            )
            {
                for (var i = 0; i < I; i++)
                {
                    var at = sums + (long)i * O + first;
                    Vector512<TReal> d0 = Sum(at, left),
                        d1 = Sum(at + size, left),
                        d2 = Sum(at + 2 * size, left),
                        d3 = Sum(at + 3 * size, left);
                    var outer = (d1 + d2) * half;
                    (d0 + outer).Store(taps); // B3
                    ((d1 - d2) * half).Store(taps + Vector512<TReal>.Count);
                    (outer + d3).Store(taps + 2 * Vector512<TReal>.Count);
                    for (var o = 0; o < Math.Min(left, Vector512<TReal>.Count); o++)
                    for (var j = 0; j < Kernel; j++)
                        gradient[((long)(first + o) * I + i) * Kernel + j] += taps[j * Vector512<TReal>.Count + o];
                }
            }
        }

        private unsafe Vector512<TReal> Sum(TReal* at, int left)
        {
            var sum = Vector512<TReal>.Zero;
            for (var rest = Sums.Length; rest > 0; rest -= Layer.TransformedLength, at += Layer.TransformedLength)
                sum += left >= Vector512<TReal>.Count ? FullVector.Load(at, 0) : PartialVector.Load(at, left);
            return sum;
        }
    }

    private static MatrixView<TReal> Part(Memory<TReal> all, int k, int rows, int columns) =>
        new(all.Slice(k * rows * columns, rows * columns), rows, columns);

    /// <summary>A transform of frames, for a whole register of each: four in and four out, of which some may not be there.</summary>
    private interface ITransform
    {
        static abstract (Vector512<TReal>, Vector512<TReal>, Vector512<TReal>, Vector512<TReal>) Of(
            Vector512<TReal> a,
            Vector512<TReal> b,
            Vector512<TReal> c,
            Vector512<TReal> d
        );
    }

    private readonly struct InputTransform : ITransform
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static (Vector512<TReal>, Vector512<TReal>, Vector512<TReal>, Vector512<TReal>) Of(
            Vector512<TReal> d0,
            Vector512<TReal> d1,
            Vector512<TReal> d2,
            Vector512<TReal> d3
        ) => (d0 - d2, d1 + d2, d2 - d1, d3 - d1); // F1
    }

    private readonly struct OutputTransform : ITransform
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static (Vector512<TReal>, Vector512<TReal>, Vector512<TReal>, Vector512<TReal>) Of(
            Vector512<TReal> m0,
            Vector512<TReal> m1,
            Vector512<TReal> m2,
            Vector512<TReal> m3
        ) => (m0 + (m1 + m2), m1 - m2 + m3, default, default); // F4
    }

    private readonly struct OutputGradient : ITransform
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static (Vector512<TReal>, Vector512<TReal>, Vector512<TReal>, Vector512<TReal>) Of(
            Vector512<TReal> dy0,
            Vector512<TReal> dy1,
            Vector512<TReal> c,
            Vector512<TReal> d
        ) => (dy0, dy0 + dy1, dy0 - dy1, dy1); // B1
    }

    /// <summary>Four frames of all utterances; those that there are not read as zeros and are not written.</summary>
    private readonly unsafe struct Frames
    {
        private readonly TReal* a,
            b,
            c,
            d;

        private Frames(TReal* a, TReal* b, TReal* c, TReal* d)
        {
            this.a = a;
            this.b = b;
            this.c = c;
            this.d = d;
        }

        /// <summary>The frames of a batch from frame <paramref name="t"/> on whose bits are set.</summary>
        public static Frames Of(TReal* data, Batch<TReal> batch, int t, int wanted)
        {
            TReal* At(int i) =>
                (wanted >> i & 1) == 1 && (uint)(t + i) < (uint)batch.T
                    ? data + (long)(t + i) * batch.B * batch.F
                    : null;
            return new Frames(At(0), At(1), At(2), At(3));
        }

        /// <summary>The same pair in V, M or dM of the products whose bits are set.</summary>
        public static Frames Of(TReal* first, int apart, int wanted)
        {
            TReal* At(int k) => (wanted >> k & 1) == 1 ? first + k * apart : null;
            return new Frames(At(0), At(1), At(2), At(3));
        }

        public void To<TTransform>(Frames to, int length)
            where TTransform : ITransform
        {
            var i = 0;
            for (; i + Vector512<TReal>.Count <= length; i += Vector512<TReal>.Count)
                To<TTransform, FullVector>(to, i, 0);
            if (i < length)
                To<TTransform, PartialVector>(to, i, length - i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void To<TTransform, TAccess>(Frames to, int i, int left)
            where TTransform : ITransform
            where TAccess : struct, IVectorAccess
        {
            var (first, second, third, fourth) = TTransform.Of(
                Load<TAccess>(a, i, left),
                Load<TAccess>(b, i, left),
                Load<TAccess>(c, i, left),
                Load<TAccess>(d, i, left)
            );
            Store<TAccess>(first, to.a, i, left);
            Store<TAccess>(second, to.b, i, left);
            Store<TAccess>(third, to.c, i, left);
            Store<TAccess>(fourth, to.d, i, left);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<TReal> Load<TAccess>(TReal* frame, int i, int left)
            where TAccess : struct, IVectorAccess =>
            frame is null ? Vector512<TReal>.Zero : TAccess.Load(frame + i, left);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store<TAccess>(Vector512<TReal> value, TReal* frame, int i, int left)
            where TAccess : struct, IVectorAccess
        {
            if (frame is not null)
                TAccess.Store(value, frame + i, left);
        }
    }

    /// <summary>V or dM of some pairs and the wanted products, [4, pairs, B, F]; the first pair begins with frame <paramref name="frame"/>.</summary>
    private static unsafe void ToProducts<TTransform>(
        Batch<TReal> batch,
        int frame,
        ReadOnlySpan<int> framesOfProducts,
        int pairs,
        Span<TReal> products,
        int wanted
    )
        where TTransform : ITransform
    {
        var (length, frames) = (batch.B * batch.F, 0);
        for (var k = 0; k < Products; k++)
            frames |= (wanted >> k & 1) * framesOfProducts[k];
        fixed (
            TReal* data = batch.Data.Span,
                to = products
        )
        {
            for (var p = 0; p < pairs; p++)
                Frames
                    .Of(data, batch, frame + 2 * p, frames)
                    .To<TTransform>(Frames.Of(to + p * length, pairs * length, wanted), length);
        }
    }

    /// <summary>Pairs of output frames from M.</summary>
    private static unsafe void FromProducts(Span<TReal> products, Batch<TReal> y, int frame, int pairs)
    {
        var length = y.B * y.F;
        fixed (
            TReal* from = products,
                data = y.Data.Span
        )
        {
            for (var p = 0; p < pairs; p++)
                Frames
                    .Of(from + p * length, pairs * length, AllProducts)
                    .To<OutputTransform>(Frames.Of(data, y, frame + 2 * p, 0b11), length);
        }
    }
}
