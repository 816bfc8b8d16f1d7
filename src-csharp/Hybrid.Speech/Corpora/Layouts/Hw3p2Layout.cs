using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// CMU 11-785 homework 3 part 2: parts such as train-clean-100 with <c>mfcc/*.npy</c> of features, [frames, coefficients], and
/// <c>transcript/*.npy</c> of phone names between <c>[SOS]</c> and <c>[EOS]</c>, <c>[SIL]</c> included; a part to be recognised has
/// no transcripts. The speaker is what stands before the first hyphen of a name. A part by itself has no split.
/// </summary>
internal sealed class Hw3p2Layout : ICorpusLayout
{
    /// <summary>The names of the folders within a part.</summary>
    public const string Features = "mfcc",
        Transcripts = "transcript";

    /// <summary>What stands before and behind the phones of a transcript.</summary>
    public const string Begin = "[SOS]",
        End = "[EOS]";

    private const string Ending = ".npy";

    /// <inheritdoc/>
    public string Description =>
        $"CMU 11-785 HW3P2's folder with its parts, or a part ({Features}/*{Ending} and {Transcripts}/*{Ending})";

    /// <inheritdoc/>
    public Corpus? TryRead(string path)
    {
        var parts = CorpusFiles.Parts(path, part => Arrays(part, Features).Count > 0);
        if (parts.Count == 0)
            return null;
        var builder = new CorpusBuilder(path);
        foreach (var (part, split) in parts)
            ReadPart(part, split, builder);
        return builder.Build();
    }

    private static void ReadPart(string part, string split, CorpusBuilder builder)
    {
        var transcripts = Arrays(part, Transcripts);
        foreach (var (id, features) in Arrays(part, Features))
            builder.Try(id, () =>
            {
                var phones = transcripts.Remove(id, out var transcript) ? Phones(transcript) : null;
                builder.Add(
                    new Utterance(id, "", id.Contains('-') ? id[..id.IndexOf('-')] : "", split, null, phones)
                    {
                        FeaturesPath = features,
                    }
                );
            });
        foreach (var (id, transcript) in transcripts)
            builder.Skip(id, $"{transcript} has no features of its name in {Features}");
    }

    private static SortedDictionary<string, string> Arrays(string part, string folder)
    {
        var path = Path.Combine(part, folder);
        var arrays = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Directory.Exists(path))
            foreach (var file in CorpusFiles.Files(path, Ending))
                arrays.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        return arrays;
    }

    private static List<string> Phones(string transcript)
    {
        var phones = NpyArray.Read(transcript).ToStrings().Select(PhoneInventory.WithoutStress).ToList();
        if (phones is [Begin, ..])
            phones.RemoveAt(0);
        if (phones is [.., End])
            phones.RemoveAt(phones.Count - 1);
        return phones;
    }
}
