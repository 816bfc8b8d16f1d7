/// Frames of alignments as seconds: the rules for blanks and pauses.
module Hybrid.Tests.AlignmentTimesTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Speech

/// Frames of 10 ms that begin at 0, 10, 20 ...
let private plain = FrameTimes(1, 0.5, 0.01, 0.0)

let private span start finish = LabelSpan(1, start, finish, 1.0)

let private times (spans: LabelSpan list) (frames: FrameTimes) duration = [
    for struct (a, b) in AlignmentTimes.Of(Array.ofList spans, frames, duration) -> a, b
]

let private expect expected actual name =
    Expect.equal (List.length actual) (List.length expected) $"{name}: labels"

    for (a, b), (c, d) in List.zip expected actual do
        Expect.floatClose { absolute = 1e-9; relative = 0.0 } c a $"{name}: start"
        Expect.floatClose { absolute = 1e-9; relative = 0.0 } d b $"{name}: end"

[<Tests>]
let tests =
    testList "alignment times" [
        test "no labels have no times" { expect [] (times [] plain 1.0) "none" }

        test "a boundary is in the blank between two phones, at two fifths" {
            // Frames 20-24, blank 25-34, 35-39: the blank from 0.25 to 0.35 s is shared at 0.29.
            expect [ 0.17, 0.29; 0.29, 0.43 ] (times [ span 20 25; span 35 40 ] plain 1.0) "blank of 0.1 s"
            expect [ 0.17, 0.25; 0.25, 0.33 ] (times [ span 20 25; span 25 30 ] plain 1.0) "no blank"
        }

        test "a longer blank is a pause, into which phones reach by 30 ms; so is what is before and after all" {
            // The blank from 0.25 to 0.43 is longer than 0.17 s.
            expect [ 0.17, 0.28; 0.40, 0.53 ] (times [ span 20 25; span 43 50 ] plain 1.0) "pause of 0.18 s"
            // 0.17 s itself is no pause yet: floating point decides, so a little less.
            expect
                [ 0.17, 0.25 + 0.4 * 0.16; 0.25 + 0.4 * 0.16, 0.53 ]
                (times [ span 20 25; span 41 50 ] plain 1.0)
                "blank of 0.16 s"
            // Neither before the beginning nor behind the end.
            expect [ 0.0, 0.02 ] (times [ span 0 1 ] plain 0.02) "at both edges"
        }

        test "times of random alignments are in order, disjoint, not empty, in the recording, over the phones' frames" {
            let random = CounterRandom(1UL).Stream()

            for case in 1..500 do
                let stride = 1 <<< random.Below 4
                let frames = FrameTimes(stride, random.Uniform(0.0, float stride), 0.01, 0.025)
                let mutable at = 0

                let spans = [
                    for _ in 0 .. random.Below 12 do
                        let start = at + random.Below 30
                        at <- start + 1 + random.Below 4
                        span start at
                ]

                // The last frame's centre is within the recording.
                let duration = frames.Start(at - 1) + random.Uniform(0.5, 3.0) * 0.01 * float stride
                let result = times spans frames duration

                let flat =
                    [
                        0.0
                        for a, b in result do
                            a
                            b
                    ]
                    @ [ duration ]

                Expect.equal flat (List.sort flat) $"case {case}: order"

                for label, (a, b) in List.zip spans result do
                    let struct (first, last) = frames.Span(label.Start, label.End, duration)
                    Expect.isTrue (a < b && a <= first && b >= last) $"case {case}: {a} to {b} of {first} to {last}"
        }

        for stride in [ 1; 2; 4; 8 ] do
            test $"planted phones come back within half a frame behind a subsampling of {stride}" {
                let frames = FrameTimes(stride, float (stride - 1) / 2.0, 0.01, 0.025)
                let random = CounterRandom(uint64 stride).Stream()

                for _ in 1..20 do
                    // Each phone takes at least two output frames; equal neighbours would need a blank.
                    let durations = [ for _ in 1..25 -> 0.01 * float stride * (2.0 + 6.0 * random.Uniform()) ]
                    let starts = List.scan (+) 0.05 durations
                    let finish = List.last starts
                    let phones = [| for i in 0..24 -> 1 + i % 4 |]
                    let T = int ((finish + 0.3) / (0.01 * float stride))
                    let logits = Array.zeroCreate<float32>(T * 5)

                    for t in 0 .. T - 1 do
                        let centre = (frames.Start(t) + frames.Start(t + 1)) / 2.0
                        let phone = Seq.pairwise starts |> Seq.tryFindIndex (fun (a, b) -> centre >= a && centre < b)

                        logits[t * 5
                               + (match phone with
                                  | Some i -> phones[i]
                                  | None -> 0)] <- 9f

                    let alignment = CtcAligner().Align(LogProbs.FromLogits(ReadOnlySpan logits, T, 5), phones)
                    let result = times (List.ofSeq alignment.Labels) frames (finish + 0.3)
                    let half = 0.005 * float stride + 1e-9

                    for i in 1..24 do
                        Expect.isLessThanOrEqual (abs (fst result[i] - starts[i])) half $"beginning of phone {i}"
                        Expect.isLessThanOrEqual (abs (snd result[i - 1] - starts[i])) half $"end of phone {i - 1}"

                    let found = [ for a, b in result[1..23] -> b - a ]

                    for i in 1..23 do
                        Expect.isLessThanOrEqual
                            (abs (found[i - 1] - durations[i]))
                            (2.0 * half)
                            $"duration of phone {i}"
            }
    ]
