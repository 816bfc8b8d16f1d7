namespace Hybrid.Core;

/// <summary>
/// Upper limits of a network, checked before it is built. Specs come from files too: a small file must not take all
/// memory or time. The limits are far above the needs of networks that run on a CPU.
/// </summary>
internal static class SpecLimits
{
    /// <summary>Features or channels of a frame, at any layer; symbols; strides.</summary>
    public const int Size = 1 << 16;

    /// <summary>Kernel size of a convolution.</summary>
    public const int Kernel = 1024;

    /// <summary>Frames from the first tap of a convolution to its last.</summary>
    public const int Reach = 4096;

    /// <summary>Groups of a convolution.</summary>
    public const int Groups = 4096;

    /// <summary>Frames that one frame is split into by a layer.</summary>
    public const int Upsampling = 64;

    /// <summary>Masks of a kind per utterance.</summary>
    public const int Masks = 1000;

    /// <summary>Layers of one recurrent stack.</summary>
    public const int RecurrentLayers = 100;

    /// <summary>Layers of a network, including those within others.</summary>
    public const int Layers = 1000;

    /// <summary>Levels of residual blocks within others.</summary>
    public const int Nesting = 16;

    /// <summary>Groups of all convolutions.</summary>
    public const int AllGroups = 1 << 18;

    /// <summary>Parameters of a network: 2 GiB in float.</summary>
    public const long Parameters = 1L << 29;

    /// <summary>Input frames for which values and multiply-adds are limited: about one second of speech.</summary>
    public const int Frames = 100;

    /// <summary>Values that a pass over <see cref="Frames"/> frames keeps in memory: 512 MiB in float.</summary>
    public const long Values = 1L << 27;

    /// <summary>Multiply-adds of a pass over <see cref="Frames"/> frames.</summary>
    public const long MultiplyAdds = 1L << 36;
}
