using System.Collections.Frozen;

namespace Hybrid.Speech;

/// <summary>Manner of articulation of a phone.</summary>
public enum PhoneClass
{
    /// <summary>A monophthong.</summary>
    Vowel,

    /// <summary>A diphthong.</summary>
    Diphthong,

    /// <summary>A glide or liquid.</summary>
    Glide,

    /// <summary>A nasal.</summary>
    Nasal,

    /// <summary>A stop.</summary>
    Stop,

    /// <summary>An affricate.</summary>
    Affricate,

    /// <summary>A fricative.</summary>
    Fricative,

    /// <summary>An aspirate, HH.</summary>
    Aspirate,

    /// <summary>Silence.</summary>
    Silence,

    /// <summary>A symbol that is not an ARPAbet phone.</summary>
    Other,
}

/// <summary>The class of every ARPAbet phone.</summary>
public static class PhoneClasses
{
    private static readonly FrozenDictionary<string, PhoneClass> Table = new (PhoneClass Class, string Phones)[]
    {
        (PhoneClass.Vowel, "AA AE AH AO EH ER IH IY UH UW"),
        (PhoneClass.Diphthong, "AW AY EY OW OY"),
        (PhoneClass.Glide, "L R W Y"),
        (PhoneClass.Nasal, "M N NG"),
        (PhoneClass.Stop, "B D G K P T"),
        (PhoneClass.Affricate, "CH JH"),
        (PhoneClass.Fricative, "DH F S SH TH V Z ZH"),
        (PhoneClass.Aspirate, "HH"),
        (PhoneClass.Silence, "[SIL]"),
    }
        .SelectMany(row => row.Phones.Split(' '), (row, phone) => (phone, row.Class))
        .ToFrozenDictionary(row => row.phone, row => row.Class);

    /// <summary>The class of a phone.</summary>
    /// <param name="phone">An ARPAbet phone without stress; any other symbol is <see cref="PhoneClass.Other"/>.</param>
    public static PhoneClass Of(string phone) => Table.GetValueOrDefault(phone, PhoneClass.Other);
}
