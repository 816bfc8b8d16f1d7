using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hybrid.Core;

/// <summary>
/// A register of numbers of one width. Kernels are written once against this interface; the compiler makes a version per
/// width and element type (operator structs, as in System.Numerics.Tensors).
/// </summary>
internal unsafe interface ILanes<TSelf, R>
    where TSelf : struct, ILanes<TSelf, R>
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    /// <summary>How many numbers the register holds.</summary>
    static abstract int Count { get; }

    /// <summary>How many register pairs hold rows of a GEMM tile: as many as the machine has registers for.</summary>
    static abstract int TileRows { get; }

    static abstract TSelf Load(R* source);

    static abstract void Store(TSelf value, R* destination);

    static abstract TSelf Broadcast(R value);

    /// <summary>a * b + c with one rounding (where the hardware has it).</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>Asks for two registers' worth of memory that will be needed soon, at any address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void Prefetch(R* source)
    {
        if (!Sse.IsSupported) return;
        Sse.Prefetch0(source);
        Sse.Prefetch0(source + TSelf.Count);
    }
}

internal readonly unsafe struct Lanes512<R>(Vector512<R> value) : ILanes<Lanes512<R>, R>
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly Vector512<R> value = value;

    public static int Count => Vector512<R>.Count;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<R> Load(R* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes512<R> value, R* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<R> Broadcast(R value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<R> MultiplyAdd(Lanes512<R> a, Lanes512<R> b, Lanes512<R> c) =>
        new(VectorMath.MultiplyAdd(a.value, b.value, c.value));
}

internal readonly unsafe struct Lanes256<R>(Vector256<R> value) : ILanes<Lanes256<R>, R>
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly Vector256<R> value = value;

    public static int Count => Vector256<R>.Count;

    public static int TileRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<R> Load(R* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes256<R> value, R* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<R> Broadcast(R value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<R> MultiplyAdd(Lanes256<R> a, Lanes256<R> b, Lanes256<R> c) =>
        typeof(R) == typeof(float)
            ? new(Vector256.FusedMultiplyAdd(a.value.AsSingle(), b.value.AsSingle(), c.value.AsSingle()).As<float, R>())
            : new(Vector256.FusedMultiplyAdd(a.value.AsDouble(), b.value.AsDouble(), c.value.AsDouble()).As<double, R>());
}

/// <summary>One number, for machines without vector instructions.</summary>
internal readonly unsafe struct Lanes1<R>(R value) : ILanes<Lanes1<R>, R>
    where R : unmanaged, IBinaryFloatingPointIeee754<R>
{
    private readonly R value = value;

    public static int Count => 1;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes1<R> Load(R* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes1<R> value, R* destination) => *destination = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes1<R> Broadcast(R value) => new(value);

    // A fused multiply-add in software would cost a hundred times the two roundings.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes1<R> MultiplyAdd(Lanes1<R> a, Lanes1<R> b, Lanes1<R> c) => new(a.value * b.value + c.value);
}
