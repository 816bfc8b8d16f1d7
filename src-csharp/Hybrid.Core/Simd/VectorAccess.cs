using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Hybrid.Core;

/// <summary>
/// Loads and stores of a <see cref="VectorLoop"/>: whole registers (<see cref="FullVector"/>), or the elements left at
/// the end (<see cref="PartialVector"/>). The version of a loop body for whole registers has no branches.
/// </summary>
internal unsafe interface IVectorAccess
{
    /// <summary>
    /// Loads a register from memory with <paramref name="left"/> elements left; lanes beyond them are zero.
    /// </summary>
    static abstract Vector512<TReal> Load<TReal>(TReal* source, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;

    /// <summary>
    /// Stores a register to memory with <paramref name="left"/> elements left; lanes beyond them are not written.
    /// </summary>
    static abstract void Store<TReal>(Vector512<TReal> value, TReal* destination, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal>;
}

/// <summary>Access to whole registers; the number of elements left is not used.</summary>
internal readonly unsafe struct FullVector : IVectorAccess
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<TReal> Load<TReal>(TReal* source, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TReal>(Vector512<TReal> value, TReal* destination, int left)
        where TReal : unmanaged, IBinaryFloatingPointIeee754<TReal> => value.Store(destination);
}

/// <summary>Access to the elements left, at most as many as a register has.</summary>
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
