/// The random generator against published values and the laws it should follow, at fixed seeds.
module Hybrid.Tests.CounterRandomTests

open System
open Expecto
open Hybrid.Core

/// Pearson's statistic of counts that should all be equal, in standard deviations from what chance gives.
let private chiSquare (counts: int[]) =
    let expected = float (Array.sum counts) / float counts.Length
    let statistic = counts |> Array.sumBy (fun n -> (float n - expected) ** 2.0 / expected)
    let freedom = float (counts.Length - 1)
    (statistic - freedom) / sqrt (2.0 * freedom)

/// Neither uneven nor more even than chance: a good generator leaves these bounds once in half a million cases.
let private expectChance counts name =
    Expect.isLessThan (abs (chiSquare counts)) 5.0 $"%s{name}: deviations of chi-square"

let private count bins (places: int seq) =
    let counts = Array.zeroCreate bins

    for place in places do
        counts[place] <- counts[place] + 1

    counts

let private seeds = [ 0UL; 1UL; 2UL; 12345UL; UInt64.MaxValue ]

[<Tests>]
let counterRandom =
    testList "CounterRandom" [
        test "with key 0 it is SplitMix64 from seed 0, whose first values are published" {
            // prng.di.unimi.it/splitmix64.c; the same numbers test its ports, as in java.util.SplittableRandom.
            let expected = [
                0xE220A8397B1DCDAFUL
                0x6E789E6AA1B965F4UL
                0x06C45D188009454FUL
                0xF88BB8A8724C81ECUL
                0x1B39896A51A8749BUL
            ]

            Expect.equal [ for i in 0UL .. 4UL -> CounterRandom(0UL).Bits i ] expected "bits"
        }
        test "the same key gives the same stream, another key another" {
            let first key = [ let stream = CounterRandom(key).Stream() in for _ in 1..20 -> stream.Uniform() ]
            Expect.equal (first 7UL) (first 7UL) "key 7 twice"
            Expect.allEqual (List.countBy first seeds |> List.map snd) 1 "streams of different keys"
        }
        test "a stream reads the places of its generator in order" {
            let random = CounterRandom 3UL
            let stream = random.Stream()
            Expect.equal [ for _ in 0..9 -> stream.Uniform() ] [ for i in 0UL .. 9UL -> random.Uniform i ] "numbers"
        }
        test "numbers are uniform in [0, 1), and pairs of neighbours in the square" {
            for seed in seeds do
                let random = CounterRandom seed
                let x = Array.init 100_000 (fun i -> random.Uniform(uint64 i))
                Expect.all x (fun v -> v >= 0.0 && v < 1.0) "range"
                expectChance (count 256 (x |> Seq.map (fun v -> int (v * 256.0)))) $"seed {seed}"
                let pair (v: float, w: float) = int (v * 16.0) * 16 + int (w * 16.0)
                expectChance (count 256 (x |> Seq.pairwise |> Seq.map pair)) $"seed {seed}, pairs"
        }
        test "every bit is set half of the time" {
            let random = CounterRandom 5UL

            for bit in 0..63 do
                let values = Seq.init 10_000 (fun i -> int (random.Bits(uint64 i) >>> bit &&& 1UL))
                expectChance (count 2 values) $"bit {bit}"
        }
        test "integers below a number are uniform" {
            for bins in [ 1; 2; 3; 10; 41; 1000 ] do
                let stream = CounterRandom(8UL).Stream()
                let counts = count bins (Seq.init (bins * 500) (fun _ -> stream.Below bins))

                if bins > 1 then
                    expectChance counts $"below {bins}"
                else
                    Expect.equal counts [| 500 |] "below 1"

            Expect.throwsT<ArgumentOutOfRangeException>
                (fun () -> CounterRandom(0UL).Stream().Below 0 |> ignore<int>)
                "below 0"
        }
        test "normal numbers have the moments and quantiles of the normal distribution" {
            for seed in seeds do
                let stream = CounterRandom(seed).Stream()
                let x = Array.init 100_000 (fun _ -> stream.Normal())
                // The mean of n such powers has the variance named here over n.
                for power, expected, variance in [ 1, 0.0, 1.0; 2, 1.0, 2.0; 3, 0.0, 15.0; 4, 3.0, 96.0 ] do
                    let moment = x |> Array.averageBy (fun v -> pown v power)

                    Expect.isLessThan
                        (abs (moment - expected) / sqrt (variance / 1e5))
                        5.0
                        $"seed {seed}, moment {power}"

                let quartile v = (if v < 0.0 then 0 else 2) + (if abs v < 0.674489750196082 then 1 else 0)
                expectChance (count 4 (Seq.map quartile x)) $"seed {seed}, quartiles"
        }
        test "forks differ from each other and from their parent, and are not correlated" {
            let random = CounterRandom 11UL
            let forks = Array.append [| random |] [| for i in 0UL .. 999UL -> random.Fork i |]
            let named = [| for i in 0..999 -> random.Fork $"utterance {i}" |]
            let all = Array.append forks named
            Expect.equal (Set [ for f in all -> f.Key ]).Count all.Length "different keys"
            Expect.equal (random.Fork "a").Key (CounterRandom(11UL).Fork "a").Key "the same name twice"

            for i in 1..50 do
                let a, b = forks[i - 1], forks[i]
                let products = Array.init 10_000 (fun n -> (a.Uniform(uint64 n) - 0.5) * (b.Uniform(uint64 n) - 0.5))
                // The product of two such numbers has variance 1 / 144.
                Expect.isLessThan
                    (abs (Array.average products) * 12.0 * 100.0)
                    5.0
                    $"deviations of the correlation of forks {i - 1} and {i}"
        }
        test "the first numbers of many forks are uniform" {
            let random = CounterRandom 12UL
            let first = Seq.init 50_000 (fun i -> int (random.Fork(uint64 i).Uniform 0UL * 256.0))
            expectChance (count 256 first) "forks by number"
            let named = Seq.init 50_000 (fun i -> int (random.Fork($"{i}").Uniform 0UL * 256.0))
            expectChance (count 256 named) "forks by name"
        }
        test "shuffling keeps the items and brings each to every place equally often" {
            let counts = Array2D.zeroCreate 6 6

            for seed in 1UL .. 6000UL do
                let items = [| 0..5 |]
                CounterRandom(seed).Stream().Shuffle items
                Expect.equal (Array.sort items) [| 0..5 |] "items"
                items |> Array.iteri (fun place item -> counts[item, place] <- counts[item, place] + 1)

            for item in 0..5 do
                expectChance counts[item, *] $"places of item {item}"
        }
    ]
