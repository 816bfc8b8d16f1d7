using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// CMU 11-785 homework 3 part 2: parts such as train-clean-100 with <c>mfcc/*.npy</c> of features, [frames,
/// coefficients], and <c>transcript/*.npy</c> of phone names between <c>[SOS]</c> and <c>[EOS]</c>, <c>[SIL]</c>
/// included. A part to be recognised has no transcripts. The speaker is the part of a name before the first hyphen. A
/// folder that is itself a part has no split.
/// </summary>
internal sealed class Hw3p2Layout : ICorpusLayout
{
    /// <summary>The names of the folders in a part.</summary>
    public const string Features = "mfcc",
        Transcripts = "transcript";

    /// <summary>The tokens before and after the phones of a transcript.</summary>
    public const string Begin = "[SOS]",
        End = "[EOS]";

    private const string Extension = ".npy";

    /// <inheritdoc/>
    public string Description =>
        $"CMU 11-785 HW3P2's folder with its parts, or a part ({Features}/*{Extension} and {Transcripts}/*{Extension})";

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
            builder.Skip(id, $"{Quoted.Path(transcript)} has no features of the same name in {Features}");
    }

    private static SortedDictionary<string, string> Arrays(string part, string folder)
    {
        var path = Path.Combine(part, folder);
        var arrays = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (Directory.Exists(path))
            foreach (var file in CorpusFiles.Files(path, Extension))
                arrays.TryAdd(Path.GetFileNameWithoutExtension(file), file);
        return arrays;
    }

    private static List<string> Phones(string transcript)
    {
        CorpusFiles.RequireRegular(transcript);
        var phones = NpyArray.Read(transcript).ToStrings().Select(PhoneInventory.WithoutStress).ToList();
        if (phones is [Begin, ..])
            phones.RemoveAt(0);
        if (phones is [.., End])
            phones.RemoveAt(phones.Count - 1);
        return phones;
    }
}
