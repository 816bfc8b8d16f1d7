namespace Hybrid.Dsl

open Hybrid.Speech

/// The order of phones in tables: by manner of articulation, similar phones next to each other.
module internal PhoneOrder =
    let private kinds = [
        "vowel", "IY IH EH AE ER AH AA AO UH UW"
        "diphthong", "EY AY OY AW OW"
        "glide", "W Y R L"
        "nasal", "M N NG"
        "stop", "P B T D K G"
        "affricate", "CH JH"
        "fricative", "F V TH DH S Z SH ZH HH"
        "silence", PhoneInventory.Silence
    ]

    let private ranks =
        dict [
            for kind, phones in kinds do
                for phone in phones.Split ' ' -> phone, kind
        ]

    let private order = [ for _, phones in kinds -> List.ofArray (phones.Split ' ') ] |> List.concat

    /// The manner of articulation of an ARPAbet phone; "other" for other names.
    let kind (phone: string) =
        match ranks.TryGetValue phone with
        | true, kind -> kind
        | _ -> "other"

    /// The symbols of an inventory without the blank, by kind; other names follow in the order of the inventory.
    let byKind (inventory: PhoneInventory) =
        let rank v =
            match List.tryFindIndex ((=) inventory.Symbols[v]) order with
            | Some i -> i
            | None -> order.Length + v

        [| 1 .. inventory.Count - 1 |] |> Array.sortBy rank
