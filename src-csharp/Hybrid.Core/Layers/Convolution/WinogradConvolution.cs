using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// A convolution of kernel size 3 by minimal filtering F(2, 3): four products for two consecutive output frames instead
/// of six (Winograd 1980; Lavin and Gray 2016). Derivation: WinogradConvolution.md.
/// </summary>
/// <remarks>
/// Exact up to rounding, which is less than with the sum over all taps, because the sums are shorter.
/// </remarks>
/// <typeparam name="TReal">Float or double.</typeparam>
internal sealed class WinogradConvolution<TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>The kernel size.</summary>
    public const int Kernel = 3;

    // With fewer channels the additions before and after the products cost as much as the products save.
    private const int MinChannels = 48;

    private const int Products = 4,
        AllProducts = (1 << Products) - 1,
        Reach = Kernel - 1;

    // Rows, pairs of frames of all utterances, that are transformed and multiplied together: about as many as stay in
    // the L2 cache. Short inputs have smaller blocks, so that every thread has some.
    private const int RowsAtOnce = 96,
        BlocksPerThread = 4;

    // The gradient is computed in this number of pieces of time for any team. A thread takes a piece, or one product of
    // it if there are more threads than pieces.
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

    /// <summary>Multiply-adds for <paramref name="frames"/> output frames of an utterance.</summary>
    public long MultiplyAdds(int frames) => (long)IntMath.CeilDiv(frames, 2) * TransformedLength;

    /// <summary>Whether it is faster than the product of windows for these numbers of channels.</summary>
    public static bool Pays(int inputs, int outputs) =>
        Math.Min(inputs, outputs) >= MinChannels
        && (long)GradientPieces * Products * inputs * outputs <= Array.MaxLength;

    /// <summary>y = b + the convolution of x; padding of y is not cleared.</summary>
    public void Forward(Batch<TReal> x, TReal[] bias, Batch<TReal> y, Workspace workspace)
    {
        Transform();
        for (var k = 0; k < Products; k++)
            weight.Pack(forward[k], TransformedTaps(k));
        Convolve(x, padding, forward, bias, y, workspace);
    }

    /// <summary>
    /// The gradient with respect to x: the convolution of dy with the taps in reverse order; padding of dx is not
    /// cleared.
    /// </summary>
    public void InputGradient(Batch<TReal> dy, Batch<TReal> dx, Workspace workspace)
    {
        Transform();
        for (var k = 0; k < Products; k++)
            weight.Pack(backward[k], TransformedTaps(k is 0 or 3 ? 3 - k : k).Transposed); // B4
        Convolve(dy, Reach - padding, backward, null, dx, workspace);
    }

    /// <summary>Adds to the gradient of the weights.</summary>
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
        workspace.Team.For(GradientPieces * job.Shares, job);
        workspace.Team.For(IntMath.CeilDiv(outputs, Vector512<TReal>.Count), new MergeJob(this, job.Sums));
    }

    /// <summary>The input frames, as bits, that V of each product depends on.</summary>
    private static ReadOnlySpan<int> InputFrames => [0b0101, 0b0110, 0b0110, 0b1010];

    /// <summary>The output frames, as bits, that dM of each product depends on.</summary>
    private static ReadOnlySpan<int> OutputFrames => [0b01, 0b11, 0b11, 0b10];

    private static PackedCopy<TReal>[] NewCopies() => [new(), new(), new(), new()];

    /// <summary>Elements of U, and of dU.</summary>
    private int TransformedLength => Products * inputs * outputs;

    /// <summary>U of product <paramref name="k"/>, [I, O].</summary>
    private MatrixView<TReal> TransformedTaps(int k) =>
        new(transformed.AsMemory(k * inputs * outputs, inputs * outputs), inputs, outputs);

    private void Transform() => weight.Derive(ref transformedVersion, this, static layer =>
        {
            if (layer.transformed.Length == 0)
                layer.transformed = new TReal[layer.TransformedLength];
            var (taps, all, I, O) = (layer.weight.Elements, layer.transformed, layer.inputs, layer.outputs);
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
        workspace.Team.For(blocks.Count, job);
    }

    /// <summary>
    /// The pairs of output frames in blocks, at least <paramref name="fewest"/> if there are enough pairs.
    /// </summary>
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

        /// <summary>Rows of a whole block, one per pair of frames and utterance.</summary>
        public int Rows => pairs * utterances;

        /// <summary>The first pair of a block, and the number of pairs.</summary>
        public (int First, int Count) Pairs(int block) => (block * pairs, Math.Min(pairs, all - block * pairs));
    }

    /// <summary>One block of output frames per index.</summary>
    private readonly record struct ConvolutionJob(
        Batch<TReal> X,
        int Padding,
        PackedCopy<TReal>[] Taps,
        TReal[]? Bias,
        Batch<TReal> Y,
        Blocks Blocks,
        ScratchSlots Slots,
        Memory<TReal> Scratch
    ) : ITeamJob
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

    /// <summary>dU: for one piece of time, one share of its products per index.</summary>
    private readonly record struct GradientJob(
        WinogradConvolution<TReal> Layer,
        Batch<TReal> X,
        Batch<TReal> Dy,
        Blocks Blocks,
        ScratchSlots Slots,
        Memory<TReal> Scratch,
        Memory<TReal> Sums,
        int Shares
    ) : ITeamJob
    {
        public void Run(int index)
        {
            // All products of the piece, or one of them.
            var (piece, share) = Math.DivRem(index, Shares);
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
    }

    /// <summary>B3: adds dU of all pieces to the gradient of the weights; one register of outputs per index.</summary>
    private readonly record struct MergeJob(WinogradConvolution<TReal> Layer, Memory<TReal> Sums) : ITeamJob
    {
        public unsafe void Run(int part)
        {
            int I = Layer.inputs,
                O = Layer.outputs,
                first = part * Vector512<TReal>.Count;
            fixed (
                TReal* sums = Sums.Span,
                    gradient = Layer.weight.Gradient
            )
                VectorLoop.Run<TReal, MergeKernel>(
                    Math.Min(Vector512<TReal>.Count, O - first),
                    new(sums + first, gradient + (long)first * I * Kernel, I, O)
                );
        }
    }

    private readonly unsafe struct MergeKernel(TReal* sums, TReal* gradient, int I, int O) : IVectorKernel
    {
        public void Run<TAccess>(int o, int left)
            where TAccess : struct, IVectorAccess
        {
            var size = (long)I * O;
            var half = VectorMath.Constant<TReal>(0.5);
            var taps = stackalloc TReal[Kernel * Vector512<TReal>.Count];
            for (var i = 0; i < I; i++)
            {
                var at = sums + (long)i * O + o;
                Vector512<TReal> d0 = SumOfPieces<TAccess>(at, left),
                    d1 = SumOfPieces<TAccess>(at + size, left),
                    d2 = SumOfPieces<TAccess>(at + 2 * size, left),
                    d3 = SumOfPieces<TAccess>(at + 3 * size, left);
                var outer = (d1 + d2) * half;
                (d0 + outer).Store(taps); // B3
                ((d1 - d2) * half).Store(taps + Vector512<TReal>.Count);
                (outer + d3).Store(taps + 2 * Vector512<TReal>.Count);
                for (var lane = 0; lane < Math.Min(left, Vector512<TReal>.Count); lane++)
                for (var j = 0; j < Kernel; j++)
                    gradient[((long)(o + lane) * I + i) * Kernel + j] += taps[j * Vector512<TReal>.Count + lane];
            }
        }

        private Vector512<TReal> SumOfPieces<TAccess>(TReal* at, int left)
            where TAccess : struct, IVectorAccess
        {
            var sum = Vector512<TReal>.Zero;
            for (var piece = 0; piece < GradientPieces; piece++)
                sum += TAccess.Load(at + piece * (long)Products * I * O, left);
            return sum;
        }
    }

    /// <summary>
    /// The part of product <paramref name="k"/> in memory that holds [rows, columns] for each product.
    /// </summary>
    private static MatrixView<TReal> Part(Memory<TReal> all, int k, int rows, int columns) =>
        new(all.Slice(k * rows * columns, rows * columns), rows, columns);

    /// <summary>A transform of four frames into four, one register of each; some may be unused.</summary>
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

    /// <summary>Four frames of all utterances; missing ones (null) are read as zeros and not written.</summary>
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

        /// <summary>The frames of a batch from frame <paramref name="t"/> on whose bits are set in wanted.</summary>
        public static Frames Of(TReal* data, Batch<TReal> batch, int t, int wanted)
        {
            TReal* At(int i) =>
                (wanted >> i & 1) == 1 && (uint)(t + i) < (uint)batch.T
                    ? data + (long)(t + i) * batch.B * batch.F
                    : null;
            return new Frames(At(0), At(1), At(2), At(3));
        }

        /// <summary>The same pair in V, M or dM of the products whose bits are set in wanted.</summary>
        public static Frames Of(TReal* first, int apart, int wanted)
        {
            TReal* At(int k) => (wanted >> k & 1) == 1 ? first + k * apart : null;
            return new Frames(At(0), At(1), At(2), At(3));
        }

        /// <summary>Transforms these frames into others, each of <paramref name="length"/> elements.</summary>
        public void To<TTransform>(Frames to, int length)
            where TTransform : struct, ITransform =>
            VectorLoop.Run<TReal, TransformKernel<TTransform>>(length, new(this, to));

        private readonly struct TransformKernel<TTransform>(Frames from, Frames to) : IVectorKernel
            where TTransform : struct, ITransform
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public void Run<TAccess>(int i, int left)
                where TAccess : struct, IVectorAccess
            {
                var (first, second, third, fourth) = TTransform.Of(
                    Load<TAccess>(from.a, i, left),
                    Load<TAccess>(from.b, i, left),
                    Load<TAccess>(from.c, i, left),
                    Load<TAccess>(from.d, i, left)
                );
                Store<TAccess>(first, to.a, i, left);
                Store<TAccess>(second, to.b, i, left);
                Store<TAccess>(third, to.c, i, left);
                Store<TAccess>(fourth, to.d, i, left);
            }
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

    /// <summary>
    /// V or dM of consecutive pairs and the wanted products, [4, pairs, B, F]; the first pair begins with frame
    /// <paramref name="frame"/>.
    /// </summary>
    private static unsafe void ToProducts<TTransform>(
        Batch<TReal> batch,
        int frame,
        ReadOnlySpan<int> framesOfProducts,
        int pairs,
        Span<TReal> products,
        int wanted
    )
        where TTransform : struct, ITransform
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

    /// <summary>Pairs of output frames from M; the first pair begins with frame <paramref name="frame"/>.</summary>
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
