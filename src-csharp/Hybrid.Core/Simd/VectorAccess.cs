using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// How much of a register a loop over a row loads and stores: all of it (<see cref="FullVector"/>), or what is left at the row's end
/// (<see cref="PartialVector"/>). The body of the loop is written once; its version for whole registers has no branch in it.
/// </summary>
internal unsafe interface IVectorAccess
{
    /// <summary>A register's numbers; those that are not left are zero.</summary>
    static abstract Vector512<TReal> Load<TReal>(TReal* source, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

    /// <summary>Writes as many of a register's numbers as are left.</summary>
    static abstract void Store<TReal>(Vector512<TReal> value, TReal* destination, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;
}

internal readonly unsafe struct FullVector : IVectorAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Load<TReal>(TReal* source, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TReal>(Vector512<TReal> value, TReal* destination, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> => value.Store(destination);
}

internal readonly unsafe struct PartialVector : IVectorAccess
{
    public static Vector512<TReal> Load<TReal>(TReal* source, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>
    {
        var register = Vector512<TReal>.Zero;
        Unsafe.CopyBlockUnaligned(&register, source, (uint)(left * sizeof(TReal)));
        return register;
    }

    public static void Store<TReal>(Vector512<TReal> value, TReal* destination, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> =>
        Unsafe.CopyBlockUnaligned(destination, &value, (uint)(left * sizeof(TReal)));
}
