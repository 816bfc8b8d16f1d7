using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>Loads and stores that stop at the end of a row, so that a loop over registers needs no second loop for the rest.</summary>
internal static unsafe class Partial
{
    /// <summary>As many of a register's numbers as are left; the others are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<R> Load<R>(R* source, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R> =>
        left >= Vector512<R>.Count ? Vector512.Load(source) : LoadRest(source, left);

    /// <summary>Writes as many of a register's numbers as are left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<R>(Vector512<R> value, R* destination, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        if (left >= Vector512<R>.Count) value.Store(destination);
        else StoreRest(value, destination, left);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<R> LoadRest<R>(R* source, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var register = Vector512<R>.Zero;
        Unsafe.CopyBlockUnaligned(&register, source, (uint)(left * sizeof(R)));
        return register;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreRest<R>(Vector512<R> value, R* destination, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R> =>
        Unsafe.CopyBlockUnaligned(destination, &value, (uint)(left * sizeof(R)));
}
