/// Letters to phones: files, spelling, training, and the shipped English one.
module Hybrid.Tests.GraphemeToPhonemeTests

open System
open System.Collections.Generic
open System.IO
open Expecto
open Hybrid.Core
open Hybrid.Speech
open Hybrid.Tests.Refusal
open Hybrid.Tests.TestSettings

let private network letters : NetworkSpec =
    NetworkSpec(letters, 41, [| LstmSpec(16, true) |], [| LinearSpec 82; FrameUnstackingSpec 2 |])

let private untrained () =
    let words = dict [ "ONCE", [| "W"; "AH"; "N"; "S" |] :> IReadOnlyList<string> ]

    GraphemeToPhoneme(
        Network<float32>(network 28, 3UL),
        "'-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        PhoneInventory.Arpabet,
        Dictionary words
    )

let private phones (letters: GraphemeToPhoneme) word =
    match letters.TryPronounce word with
    | true, phones -> String.Join(' ', phones)
    | _ -> "none"

/// A language of four consonants and three vowels, each of which has one sound but for a final E, which is silent.
let private regular =
    let sounds = dict [ 'B', "B"; 'D', "D"; 'K', "K"; 'S', "S"; 'A', "AA"; 'I', "IY"; 'O', "OW" ]
    let consonants, vowels = "BDKS", "AIO"

    LexiconTests.read [
        for a in consonants do
            for v in vowels do
                for b in consonants do
                    for w in vowels do
                        for ending in [ ""; "E" ] do
                            let spelled = String [| a; v; b; w; a |]
                            let spoken = String.Join(' ', [ for letter in spelled -> sounds[letter] ])
                            $"{spelled}{ending} {spoken}"
    ]

let private schedule epochs =
    TrainingSpec(
        Seed = 1UL,
        Epochs = epochs,
        Batch = BatchSize(8, 10000),
        Optimizer = AdamWSpec 1e-2,
        LearningRate = CosineRate()
    )

[<Tests>]
let tests =
    testList "letters to phones" [
        test "a regular spelling is learned, and test words are pronounced that were never seen" {
            let training = GraphemeToPhonemeTraining(regular, PhoneInventory.Arpabet, network 1)
            let letters = training.Run(schedule 30, team = ThreadTeam 1)
            Expect.equal letters.Letters "ABDEIKOS" "the alphabet of the lexicon"
            let errors = GraphemeToPhonemeTraining.Evaluate(letters, regular, training.TestWords)
            Expect.isGreaterThan errors.Words 5 "test words"
            Expect.equal errors.WordErrorRate 0.0 "word error rate"
            Expect.equal errors.PhoneErrorRate 0.0 "phone error rate"
            Expect.equal (phones letters "badobe") "B AA D OW B" "lower case, a silent letter"
        }

        test "the same seed gives the same file" {
            let bytes () =
                withFolder (fun folder ->
                    let path = Path.Combine(folder, "g2p.safetensors")
                    let training = GraphemeToPhonemeTraining(regular, PhoneInventory.Arpabet, network 1)
                    training.Run(schedule 1, team = ThreadTeam 1).Save path
                    File.ReadAllBytes path)

            Expect.equal (bytes ()) (bytes ()) "bytes"
        }

        test "a file is read back: alphabet, phones, stored words, and weights within half a level" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "g2p.safetensors")
                let letters = untrained ()
                letters.Save path
                let read = GraphemeToPhoneme.Load path
                Expect.equal read.Letters letters.Letters "alphabet"
                Expect.sequenceEqual read.Inventory.Symbols letters.Inventory.Symbols "phones"
                Expect.equal (phones read "Once") "W AH N S" "a stored word"
                read.Save(path + "2")
                Expect.equal (File.ReadAllBytes(path + "2")) (File.ReadAllBytes path) "the same bytes again")
        }

        let spellings: (string * (string | null)) list = [
            "café", "CAFE"
            "cafe\u0301", "CAFE"
            "Ærø", "AERO"
            "straße", "STRASSE"
            "don’t", "DON'T"
            "well-known", "WELL-KNOWN"
            "", null
            "'", null
            "мир", null
            "x2", null
            String('a', 65), null
        ]

        for word, spelling in spellings do
            test $"\"{word}\" is spelled {spelling}" { Expect.equal ((untrained ()).Spell word) spelling "letters" }

        test "files that are damaged or contradict themselves are refused by name" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "g2p.safetensors")
                (untrained ()).Save path
                let file = SafeTensors.Read path

                let refusal change tensors =
                    let metadata = Dictionary file.Metadata
                    change metadata
                    SafeTensors(metadata, tensors file.Tensors).Write path
                    messageOf<FormatException, _>(fun () -> GraphemeToPhoneme.Load path)

                let ``with`` key value (metadata: Dictionary<string, string>) = metadata[key] <- value
                let without (key: string) (metadata: Dictionary<string, string>) = metadata.Remove key |> ignore<bool>
                let all tensors : IReadOnlyList<StoredTensor> = tensors

                for change, tensors, message in
                    [
                        without "hybrid.letters", all, "the metadata lack hybrid.letters"
                        ``with`` "hybrid.letters" "ABC", all, "takes 28 features, the alphabet has 3 letters"
                        ``with`` "hybrid.phones" "AA B", all, "has 41 symbols, the inventory has 3"
                        ``with`` "hybrid.format" "g2p 9", all, "format \"g2p 9\" is not known"
                        ignore, (fun tensors -> Seq.skip 1 tensors |> Seq.toArray :> IReadOnlyList<_>), "the scales"
                    ] do
                    let actual = refusal change tensors
                    Expect.stringContains actual "g2p.safetensors: " "the file"
                    Expect.stringContains actual message "the reason")
        }

        test "stored words with unknown phones or none are refused by name" {
            withFolder (fun folder ->
                let path = Path.Combine(folder, "g2p.safetensors")
                (untrained ()).Save path
                let file = SafeTensors.Read path

                let refusal (lines: string) =
                    let bytes = Text.Encoding.UTF8.GetBytes lines

                    let tensors = [|
                        for tensor in file.Tensors ->
                            if tensor.Name = "words" then
                                StoredTensor("words", TensorType.U8, [| int64 bytes.Length |], bytes)
                            else
                                tensor
                    |]

                    SafeTensors(file.Metadata, tensors).Write path
                    messageOf<FormatException, _>(fun () -> GraphemeToPhoneme.Load path)

                Expect.stringContains (refusal "ONCE W XX") "g2p.safetensors: unknown phone XX" "phone"
                Expect.stringContains (refusal "ONCE") "the stored word \"ONCE\" has no phones" "no phones")
        }

        test "words of the lexicon are known after training, others are not" {
            let training = GraphemeToPhonemeTraining(regular, PhoneInventory.Arpabet, network 1)
            let letters = training.WithLexicon(training.Run(schedule 1, team = ThreadTeam 1))

            for word in regular.Words do
                Expect.isTrue (letters.IsKnown word) word
                Expect.equal (phones letters word) (String.Join(' ', regular.Pronunciations(word)[0])) word

            let others = [ for i in 0..999 -> $"OTHER{i}" ]
            let taken = others |> List.filter letters.IsKnown |> List.length
            Expect.isLessThan taken 20 "other words that are taken for known ones, of 1000"
        }

        test "several threads get what one gets" {
            let letters = untrained ()

            let words = [|
                for i in 0..199 -> String([| for k in 0 .. i % 7 + 1 -> char (int 'A' + (i * 7 + k * 3) % 26) |])
            |]

            let expected = words |> Array.map (phones letters)
            Expect.equal (words |> Array.Parallel.map (phones letters)) expected "phones"
        }
    ]

/// Fails unless the English words of CMUdict, or one in `every`, have one of its pronunciations.
let private expectDictionary every =
    let lexicon = Lexicon.Read(shared "data/cmudict/cmudict-0.7a.txt")
    let english = GraphemeToPhoneme.English

    let wrong =
        lexicon.Words
        |> Seq.filter (fun word -> english.Spell word = word)
        |> Seq.indexed
        |> Seq.filter (fun (i, _) -> i % every = 0)
        |> Seq.map snd
        |> Seq.toArray
        |> Array.Parallel.filter (fun word ->
            match english.TryPronounce word with
            | true, phones ->
                lexicon.Pronunciations word |> Seq.forall (fun known -> not (Seq.toList known = Seq.toList phones))
            | _ -> true)

    Expect.isEmpty (Array.truncate 5 wrong) "words"

[<Tests>]
let english =
    testList "English letters to phones" [
        for word, expected in
            [
                "hello", "HH AH L OW"
                "thought", "TH AO T"
                "box", "B AA K S"
                "once", "W AH N S"
                "colonel", "K ER N AH L"
            ] do
            test $"{word}: {expected}" { Expect.equal (phones GraphemeToPhoneme.English word) expected "phones" }

        test "one word in twenty of CMUdict is pronounced as there" { expectDictionary 20 }

        longTest "every word of letters of CMUdict is pronounced as there" (fun () -> expectDictionary 1)

        test "words held out by stem: the figures of docs/pronunciation.md" {
            let lexicon = Lexicon.Read(shared "data/cmudict/cmudict-0.7a.txt")
            let english = GraphemeToPhoneme.English
            let training = GraphemeToPhonemeTraining(lexicon, english.Inventory, english.Network)
            let errors = GraphemeToPhonemeTraining.Evaluate(english, lexicon, training.TestWords)
            Expect.isGreaterThan errors.Words 6000 "test words"
            Expect.floatClose { absolute = 0.1; relative = 0.0 } errors.PhoneErrorRate 6.4 $"{errors}"
            Expect.floatClose { absolute = 0.1; relative = 0.0 } errors.WordErrorRate 28.6 $"{errors}"
        }
    ]
