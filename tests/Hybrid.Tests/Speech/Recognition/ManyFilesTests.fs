/// Many files at a time: the results of single calls, in order, from C#, scripts and the command line.
module Hybrid.Tests.ManyFilesTests

open System
open System.IO
open System.Threading
open Expecto
open Hybrid.Core
open Hybrid.Dsl
open Hybrid.Speech
open Hybrid.Tests
open Hybrid.Tests.CommandLine
open Hybrid.Tests.Process
open Hybrid.Tests.TestSettings

let private model = lazy SpeechModel.Load CSharpTests.model

/// A corpus of sound files with transcripts beside them; one of them is damaged, one has no transcript.
let private corpus =
    lazy
        (let folder = Directory.CreateTempSubdirectory("hybrid-test-files-").FullName
         AppDomain.CurrentDomain.ProcessExit.Add(fun _ -> Directory.Delete(folder, true))
         let speech = Path.Combine(folder, "speech")
         let corpus = SyntheticCorpus.Write(Path.Combine(folder, "synthetic"), 24, 6, 5UL)
         Directory.CreateDirectory speech |> ignore

         for i, utterance in Seq.indexed corpus.Utterances do
             File.Copy(utterance.AudioPath, Path.Combine(speech, $"{i:D2}.wav"))

             if i <> 7 then
                 File.WriteAllText(Path.Combine(speech, $"{i:D2}.txt"), utterance.Text)

         File.WriteAllText(Path.Combine(speech, "03.wav"), "not a sound")
         folder)

let private speech () = Path.Combine(corpus.Value, "speech")

/// The results of single calls, one after the other.
let private single (files: string seq) =
    let recognizer = Recognizer(model.Value, new ThreadTeam(1))

    [
        for file in files do
            try
                file, ResultJson.Recognitions [ struct (file, recognizer.Recognize(AudioClip.Read file)) ]
            with error when SkippedUtterance.CanSkip error ->
                file, error.Message
    ]

let private described (outcomes: RecognitionOutcome seq) = [
    for outcome in outcomes ->
        match outcome.Result with
        | null -> outcome.Id, string outcome.Reason
        | result -> outcome.Id, ResultJson.Recognitions [ struct (outcome.Id, result) ]
]

[<Tests>]
let tests =
    testList "many files" [
        test "files are recognised as by single calls, in order, with any number of threads" {
            let files = [ yield! Directory.GetFiles(speech (), "*.wav") |> Array.sort; "nowhere.wav" ]
            let expected = single files
            Expect.equal expected.Length 25 "files"
            Expect.stringContains (snd expected[3]) "03.wav" "the damaged one"

            for threads in [ 1; 2; 5 ] do
                let recognizer = Recognizer(model.Value, new ThreadTeam(threads))
                Expect.equal (described (recognizer.RecognizeAll files)) expected $"{threads} threads"
                let fromScript = recognizeAll (model.Value, [ speech (); "nowhere.wav" ], threads = threads)
                Expect.equal (described fromScript) expected $"{threads} threads, from a script"
        }

        test "utterances are recognised as by single calls" {
            let utterances = Corpus.Read(Path.Combine(corpus.Value, "synthetic")).Utterances
            let recognizer = Recognizer(model.Value, new ThreadTeam(3))

            let expected = [
                for u in utterances -> u.Id, ResultJson.Recognitions [ struct (u.Id, recognizer.Recognize u) ]
            ]

            Expect.equal (described (recognizer.RecognizeAll utterances)) expected "results"
        }

        test "a model of precomputed features refuses sound, as by a single call" {
            let features = FeaturePreset.Precomputed 28
            let precomputed = SpeechModel.Create(Recipes.tiny.Network, features, PhoneInventory.Arpabet, 1UL)
            let file = Path.Combine(speech (), "00.wav")
            let recognizer = Recognizer(precomputed, new ThreadTeam(2))

            Expect.throwsT<InvalidOperationException>
                (fun () -> recognizer.RecognizeAll [ file; file ] |> Seq.iter ignore)
                "sound"
        }

        test "recordings are aligned as by single calls, in order, with any number of threads" {
            let aligner = Aligner(Recognizer(model.Value, new ThreadTeam(1)))
            let inputs = AlignmentInput.Of(speech ())

            let expected = [
                for input in inputs do
                    match input.Utterance with
                    | null -> input.Id, string input.Reason
                    | utterance ->
                        try
                            input.Id, ResultJson.Alignment(aligner.Align utterance)
                        with error when SkippedUtterance.CanSkip error ->
                            input.Id, error.Message
            ]

            let described (outcomes: AlignmentOutcome seq) = [
                for outcome in outcomes ->
                    match outcome.Alignment with
                    | null -> outcome.Id, string outcome.Reason
                    | alignment -> outcome.Id, ResultJson.Alignment alignment
            ]

            Expect.isGreaterThan expected.Length 22 "inputs"

            for threads in [ 1; 2; 5 ] do
                let aligner = Aligner(Recognizer(model.Value, new ThreadTeam(threads)))
                Expect.equal (described (aligner.AlignAll inputs)) expected $"{threads} threads"

                Expect.equal
                    (described (alignAll (model.Value, speech (), threads = threads)))
                    expected
                    $"{threads} threads, from a script"
        }

        test "an evaluation reports its progress, and is the same with any number of threads" {
            let utterances = Corpus.Read(Path.Combine(corpus.Value, "synthetic")).Utterances

            let evaluate threads =
                let reports = Collections.Concurrent.ConcurrentQueue<float>()

                let listener = {
                    new IProgress<float> with
                        member _.Report fraction = reports.Enqueue fraction
                }

                let struct (evaluation, _) =
                    Recognizer(model.Value, new ThreadTeam(threads)).Evaluate(utterances, progress = listener)

                let reports = List.ofSeq reports
                Expect.equal (List.max reports) 1.0 "the end"
                Expect.contains reports 0.5 "features are read"
                Expect.isGreaterThan reports.Length utterances.Count "each utterance"
                ResultJson.Evaluation(evaluation, model.Value.Inventory, [||])

            Expect.equal (evaluate 3) (evaluate 1) "figures"
            let fromScript = Run.evaluate (model.Value, utterances, threads = 3)
            Expect.equal (ResultJson.Evaluation(fromScript, model.Value.Inventory, [||])) (evaluate 1) "from a script"
        }

        test "the parts of a JSON array are the array" {
            let recognizer = Recognizer model.Value

            let results = [
                for i in [ "00"; "01"; "02" ] ->
                    let file = Path.Combine(speech (), i + ".wav")
                    struct (file, recognizer.Recognize(AudioClip.Read file))
            ]

            for count in 0..3 do
                let some = List.truncate count results
                let parts = List.ofSeq (ResultJson.RecognitionParts some)
                Expect.equal parts.Length (count + 1) "parts"
                Expect.equal (String.concat "" parts) (ResultJson.Recognitions some) $"{count} results"
        }

        test "the command line gives the same bytes with one thread and with three" {
            let folder = corpus.Value
            let options threads = [ "--model"; CSharpTests.model; "--threads"; string threads ]

            let run threads verb more = hybrid folder (verb :: options threads @ more)

            let expectSame (verb: string) (more: string list) =
                let one, three = run 1 verb more, run 3 verb more
                Expect.equal three one $"{verb} {more}"
                one

            let recognized format = expectSame "recognize" [ "--format"; format; "speech" ]
            let json = recognized "json"
            Expect.equal json.ExitCode 2 "one is damaged"

            let files = Directory.GetFiles(Path.Combine(folder, "speech"), "*.wav") |> Array.sort
            let recognizer = Recognizer model.Value

            let expected =
                ResultJson.Recognitions [
                    for file in files do
                        if Path.GetFileName file <> "03.wav" then
                            struct (Path.GetRelativePath(folder, file), recognizer.Recognize(AudioClip.Read file))
                ]

            Expect.equal (json.Output.ReplaceLineEndings "\n") (expected + "\n") "the array of single calls"
            recognized "text" |> refused 2 [ "03.wav" ] |> ignore
            recognized "ctm" |> refused 2 [ "03.wav" ] |> ignore
            let evaluation = [ "--corpus"; "synthetic"; "--json" ]
            expectSame "evaluate" evaluation |> expectSuccess |> ignore

            let written (verb: string) (format: string) threads =
                let out = $"{verb}-{format}-{threads}"
                let finished = run threads verb [ "--format"; format; "--out"; out; "speech" ]
                Expect.equal finished.ExitCode 2 (string finished)

                finished.Errors.Replace(out, ""),
                [
                    for file in Directory.GetFiles(Path.Combine(folder, out)) |> Array.sort ->
                        string (Path.GetFileName file), File.ReadAllText file
                ]

            for verb, format in [ "recognize", "json"; "recognize", "textgrid"; "align", "json"; "align", "ctm" ] do
                let errors, files = written verb format 1
                Expect.isGreaterThan files.Length 22 $"{verb} {format}"
                Expect.stringContains errors "03" "the damaged one"
                Expect.equal (written verb format 3) (errors, files) $"{verb} {format}"

            hybrid folder [ "recognize"; "--threads"; "0"; "speech" ]
            |> expectRefusal 1 [ "--threads is 0, must be positive" ]
        }
    ]

/// Not at the same time as other tests, whose memory would count.
[<Tests>]
let memory =
    testSequenced
    <| testList "many files, memory" [
        test "memory does not grow with the number of files" {
            // One file many times: if results or sound were kept, they would be seen.
            let file = Path.Combine(speech (), "00.wav")
            let recognizer = Recognizer(model.Value, new ThreadTeam(2))
            let mutable ahead, returned = 0, 0

            let files =
                seq {
                    for i in 1..400 do
                        ahead <- max ahead (i - returned)
                        file
                }

            let memory = ResizeArray<int64>()

            for outcome in recognizer.RecognizeAll files do
                returned <- returned + 1
                Expect.isNotNull outcome.Result "recognised"

                if returned % 100 = 0 then
                    memory.Add(GC.GetTotalMemory true)

            Expect.isLessThanOrEqual ahead 33 "files read ahead"
            Expect.isLessThan (memory[3] - memory[0]) 2_000_000L "between the first and the last hundred"
        }
    ]
