using System.Collections.Frozen;
using Hybrid.Core;

namespace Hybrid.Speech;

/// <summary>
/// The output symbols of a model, in order: the CTC blank at index 0, then the phones. ARPAbet phones have a letter for
/// compact output.
/// </summary>
public sealed class PhoneInventory
{
    /// <summary>The name of silence in CMU 11-785 transcripts.</summary>
    public const string Silence = "[SIL]";

    /// <summary>The letter of the blank.</summary>
    public const char BlankLetter = ' ';

    // The order and the letters of CMU 11-785 homework 3.
    private static readonly (string Phone, char Letter)[] Homework =
    [
        (Silence, '-'),
        ("NG", 'G'),
        ("F", 'f'),
        ("M", 'm'),
        ("AE", '@'),
        ("R", 'r'),
        ("UW", 'u'),
        ("N", 'n'),
        ("IY", 'i'),
        ("AW", 'W'),
        ("V", 'v'),
        ("UH", 'U'),
        ("OW", 'o'),
        ("AA", 'a'),
        ("ER", 'R'),
        ("HH", 'h'),
        ("Z", 'z'),
        ("K", 'k'),
        ("CH", 'C'),
        ("W", 'w'),
        ("EY", 'e'),
        ("ZH", 'Z'),
        ("T", 't'),
        ("EH", 'E'),
        ("Y", 'y'),
        ("AH", 'A'),
        ("B", 'b'),
        ("P", 'p'),
        ("TH", 'T'),
        ("DH", 'D'),
        ("AO", 'c'),
        ("G", 'g'),
        ("L", 'l'),
        ("JH", 'j'),
        ("OY", 'O'),
        ("SH", 'S'),
        ("D", 'd'),
        ("AY", 'Y'),
        ("S", 's'),
        ("IH", 'I'),
    ];

    private static readonly FrozenDictionary<string, char> Letters = Homework.ToFrozenDictionary(
        pair => pair.Phone,
        pair => pair.Letter
    );

    private readonly FrozenDictionary<string, int> indices;

    /// <summary>An inventory of phones; the blank is inserted at index 0.</summary>
    /// <param name="phones">Unique names, not empty and without white space, which separates them in files.</param>
    /// <exception cref="ArgumentException">A name is empty, has white space, or is a duplicate.</exception>
    public PhoneInventory(IEnumerable<string> phones)
    {
        Symbols = ["", .. phones];
        if (Symbols.Skip(1).Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("a phone has no name", nameof(phones));
        if (Symbols.FirstOrDefault(phone => phone.Any(char.IsWhiteSpace)) is { } spaced)
            throw new ArgumentException($"phone {Quoted.Text(spaced)} has white space in its name", nameof(phones));
        if (Symbols.GroupBy(phone => phone).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"phone {Quoted.Unless(twice.Key)} is a duplicate", nameof(phones));
        indices = Symbols.Select((phone, i) => KeyValuePair.Create(phone, i)).ToFrozenDictionary();
    }

    /// <summary>
    /// The 39 ARPAbet phones of CMUdict and silence, in the order of CMU 11-785 homework 3: 40 phones, 41 symbols.
    /// </summary>
    public static PhoneInventory Arpabet { get; } = new(Homework.Select(pair => pair.Phone));

    /// <summary>Names by index; the blank's is empty.</summary>
    public IReadOnlyList<string> Symbols { get; }

    /// <summary>The number of symbols, blank included.</summary>
    public int Count => Symbols.Count;

    /// <summary>Refuses a network with another number of symbols.</summary>
    /// <exception cref="ArgumentException">The numbers differ; the message has both.</exception>
    internal void RequireFit(NetworkSpec spec)
    {
        if (spec.Symbols != Count)
            throw new ArgumentException(
                $"the network has {spec.Symbols} symbols, the inventory has {Count} (blank included)"
            );
    }

    /// <summary>Looks up the index of a phone.</summary>
    public bool TryGetIndex(string phone, out int index) => indices.TryGetValue(phone, out index) && index > 0;

    /// <summary>The letter of a symbol in the output of CMU 11-785 homework 3.</summary>
    /// <exception cref="FormatException">The phone is not in <see cref="Arpabet"/> and has no letter.</exception>
    public char Letter(int index) =>
        index == 0 ? BlankLetter
        : Letters.TryGetValue(Symbols[index], out var letter) ? letter
        : throw new FormatException(
            $"phone {Quoted.Unless(Symbols[index])} has no letter; those of CMUdict have: "
                + string.Join(" ", Letters.Keys)
        );

    /// <summary>A phone of CMUdict without its stress digit.</summary>
    internal static string WithoutStress(string phone) => phone.TrimEnd('0', '1', '2');

    /// <summary>The names of labels.</summary>
    public IEnumerable<string> Names(IEnumerable<int> labels) => labels.Select(label => Symbols[label]);

    /// <summary>The indices of phones.</summary>
    /// <exception cref="FormatException">A phone is not in the inventory; the message has all that are not.</exception>
    public int[] Labels(IEnumerable<string> phones)
    {
        var list = phones.ToList();
        var unknown = list.Where(phone => !TryGetIndex(phone, out _)).Distinct().ToList();
        if (unknown.Count > 0)
            throw new FormatException(
                $"unknown phone{(unknown.Count > 1 ? "s" : "")} {Quoted.List(unknown)}; "
                    + $"known are {Quoted.List([.. Symbols.Skip(1)], " ")}"
            );
        return [.. list.Select(phone => indices[phone])];
    }
}
