using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// How much of a register a loop over a row loads and stores: all of it (<see cref="Whole"/>), or what is left at the row's end
/// (<see cref="Rest"/>). The body of the loop is written once; its version for whole registers has no branch in it.
/// </summary>
internal unsafe interface IExtent
{
    /// <summary>A register's numbers; those that are not left are zero.</summary>
    static abstract Vector512<R> Load<R>(R* source, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R>;

    /// <summary>Writes as many of a register's numbers as are left.</summary>
    static abstract void Store<R>(Vector512<R> value, R* destination, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R>;
}

internal readonly unsafe struct Whole : IExtent
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<R> Load<R>(R* source, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R> => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<R>(Vector512<R> value, R* destination, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R> =>
        value.Store(destination);
}

internal readonly unsafe struct Rest : IExtent
{
    public static Vector512<R> Load<R>(R* source, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R>
    {
        var register = Vector512<R>.Zero;
        Unsafe.CopyBlockUnaligned(&register, source, (uint)(left * sizeof(R)));
        return register;
    }

    public static void Store<R>(Vector512<R> value, R* destination, int left) where R : unmanaged, IBinaryFloatingPointIeee754<R> =>
        Unsafe.CopyBlockUnaligned(destination, &value, (uint)(left * sizeof(R)));
}
