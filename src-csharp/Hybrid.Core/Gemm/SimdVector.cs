using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hybrid.Core;

/// <summary>
/// A SIMD register of one width. Kernels are written once against this interface; the JIT compiles a version per width
/// and element type (operator structs, as in System.Numerics.Tensors).
/// </summary>
internal unsafe interface ISimdVector<TSelf, TReal>
    where TSelf : struct, ISimdVector<TSelf, TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    /// <summary>The number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>Rows of a GEMM tile, each a pair of registers: as many as the machine has registers for.</summary>
    static abstract int TileRows { get; }

    static abstract TSelf Load(TReal* source);

    static abstract void Store(TSelf value, TReal* destination);

    static abstract TSelf Broadcast(TReal value);

    /// <summary>a * b + c, with one rounding where the hardware has it.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>Prefetches two registers' worth of memory; the address may be invalid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void Prefetch(TReal* source)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(source);
        Sse.Prefetch0(source + TSelf.Count);
    }
}

internal readonly unsafe struct SimdVector512<TReal>(Vector512<TReal> value) : ISimdVector<SimdVector512<TReal>, TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Vector512<TReal> value = value;

    public static int Count => Vector512<TReal>.Count;

    public static int TileRows => 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector512<TReal> Load(TReal* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdVector512<TReal> value, TReal* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector512<TReal> Broadcast(TReal value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector512<TReal> MultiplyAdd(
        SimdVector512<TReal> a,
        SimdVector512<TReal> b,
        SimdVector512<TReal> c
    ) => new(VectorMath.MultiplyAdd(a.value, b.value, c.value));
}

internal readonly unsafe struct SimdVector256<TReal>(Vector256<TReal> value) : ISimdVector<SimdVector256<TReal>, TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly Vector256<TReal> value = value;

    public static int Count => Vector256<TReal>.Count;

    public static int TileRows => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector256<TReal> Load(TReal* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdVector256<TReal> value, TReal* destination) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector256<TReal> Broadcast(TReal value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdVector256<TReal> MultiplyAdd(
        SimdVector256<TReal> a,
        SimdVector256<TReal> b,
        SimdVector256<TReal> c
    ) =>
        typeof(TReal) == typeof(float)
            ? new(
                Vector256
                    .FusedMultiplyAdd(a.value.AsSingle(), b.value.AsSingle(), c.value.AsSingle())
                    .As<float, TReal>()
            )
            : new(
                Vector256
                    .FusedMultiplyAdd(a.value.AsDouble(), b.value.AsDouble(), c.value.AsDouble())
                    .As<double, TReal>()
            );
}

/// <summary>A register with one lane, for machines without vector instructions.</summary>
internal readonly unsafe struct ScalarVector<TReal>(TReal value) : ISimdVector<ScalarVector<TReal>, TReal>
    where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
{
    private readonly TReal value = value;

    public static int Count => 1;

    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarVector<TReal> Load(TReal* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ScalarVector<TReal> value, TReal* destination) => *destination = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarVector<TReal> Broadcast(TReal value) => new(value);

    // Two roundings: a fused multiply-add in software would cost a hundred times as much.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarVector<TReal> MultiplyAdd(
        ScalarVector<TReal> a,
        ScalarVector<TReal> b,
        ScalarVector<TReal> c
    ) => new(a.value * b.value + c.value);
}
