namespace Hybrid.Core;

/// <summary>
/// Label sequences as the nodes of a tree: two paths to the same sequence reach the same node. A node is known by its
/// index.
/// </summary>
internal sealed class PrefixTree
{
    /// <summary>The empty sequence.</summary>
    public const int Root = 0;

    private const int None = -1,
        PruneAbove = 1 << 16;

    private Node[] nodes = new Node[1024];
    private int count = 1,
        pruneAbove = PruneAbove;

    /// <param name="languageState">The language model's state before the first label.</param>
    public PrefixTree(int languageState) =>
        nodes[Root] = new Node
        {
            Parent = None,
            Symbol = None,
            FirstChild = None,
            Sibling = None,
            BeamIndex = None,
            LanguageState = languageState,
        };

    /// <summary>Whether the tree has grown enough for <see cref="Prune"/> to be worth its time.</summary>
    public bool IsLarge => count > pruneAbove;

    public ref Node this[int node] => ref nodes[node];

    /// <summary>The node of a sequence followed by a label; it is created if it is missing.</summary>
    public int Child(int parent, int symbol, NGramModel? languageModel)
    {
        for (var child = nodes[parent].FirstChild; child != None; child = nodes[child].Sibling)
            if (nodes[child].Symbol == symbol)
                return child;
        if (count == nodes.Length)
            Array.Resize(ref nodes, 2 * count);
        var (language, state) = languageModel?.Next(nodes[parent].LanguageState, symbol) ?? (0, 0);
        ref var above = ref nodes[parent];
        nodes[count] = new Node
        {
            Parent = parent,
            Symbol = symbol,
            Length = above.Length + 1,
            FirstChild = None,
            Sibling = above.FirstChild,
            BeamIndex = None,
            Language = above.Language + language,
            LanguageState = state,
        };
        above.FirstChild = count;
        return count++;
    }

    /// <summary>The label sequence of a node.</summary>
    public int[] Labels(int node)
    {
        var labels = new int[nodes[node].Length];
        for (; node != Root; node = nodes[node].Parent)
            labels[nodes[node].Length - 1] = nodes[node].Symbol;
        return labels;
    }

    /// <summary>
    /// Removes all nodes but the given ones and their ancestors, and replaces the indices in the span.
    /// </summary>
    public void Prune(Span<int> kept)
    {
        // A parent has a smaller index than its children, so it is moved before them.
        var used = new bool[count];
        used[Root] = true;
        foreach (var leaf in kept)
            for (var node = leaf; !used[node]; node = nodes[node].Parent)
                used[node] = true;
        var renamed = new int[count];
        var (old, left) = (nodes, 0);
        for (var node = 0; node < count; node++)
        {
            if (!used[node])
                continue;
            renamed[node] = left;
            ref var moved = ref nodes[left];
            moved = old[node];
            (moved.FirstChild, moved.Sibling) = (None, None);
            if (node != Root)
            {
                moved.Parent = renamed[moved.Parent];
                moved.Sibling = nodes[moved.Parent].FirstChild;
                nodes[moved.Parent].FirstChild = left;
            }
            left++;
        }
        for (var i = 0; i < kept.Length; i++)
            kept[i] = renamed[kept[i]];
        count = left;
        pruneAbove = Math.Max(PruneAbove, 2 * count);
    }

    /// <summary>A label sequence.</summary>
    public struct Node
    {
        /// <summary>The sequence without its last label; -1 for the empty one.</summary>
        public int Parent;

        /// <summary>The last label; -1 for the empty sequence.</summary>
        public int Symbol;

        /// <summary>Number of labels.</summary>
        public int Length;

        /// <summary>Index of the sequence in the beam; -1 if it is not there.</summary>
        public int BeamIndex;

        /// <summary>The language model's state after the labels.</summary>
        public int LanguageState;

        /// <summary>log p of the labels under the language model, without the end.</summary>
        public double Language;

        /// <summary>The youngest child, and the next older child of the same parent; -1 for none.</summary>
        internal int FirstChild,
            Sibling;
    }
}
