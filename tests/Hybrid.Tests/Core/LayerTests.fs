module Hybrid.Tests.LayerTests

open System
open Expecto
open Hybrid.Core
open Hybrid.Tests.GradientCheck

let private lengths = [| 7; 4; 1; 6 |]

let private gradient name (layer: unit -> Layer<float>) features =
    testList name [
        test $"{name}: gradients equal central differences in training" {
            expectCorrect (randomize (layer ())) (randomBatch 1UL features lengths) true
        }
        test $"{name}: gradients equal central differences in evaluation" {
            expectCorrect (randomize (layer ())) (randomBatch 2UL features lengths) false
        }
    ]

[<Tests>]
let gradients =
    testList "gradients of layers" [
        gradient "Linear" (fun () -> Linear<float>(3, 5)) 3
        gradient "Linear without bias" (fun () -> Linear<float>(3, 5, false)) 3
        gradient "Conv1d" (fun () -> Conv1d<float>(3, 5, 3)) 3
        gradient "Conv1d even kernel" (fun () -> Conv1d<float>(3, 2, 4)) 3
        gradient "Conv1d stride 2" (fun () -> Conv1d<float>(3, 5, 5, 2)) 3
        gradient "Conv1d stride 3 without padding" (fun () -> Conv1d<float>(3, 5, 1, 3, 0)) 3
        gradient "Conv1d wider than the input" (fun () -> Conv1d<float>(2, 3, 9)) 2
        gradient "BatchNorm1d" (fun () -> BatchNorm1d<float>(5)) 5
        gradient "ReLU" (fun () -> Activation<float>(ActivationFunction.Relu, 5)) 5
        gradient "GELU" (fun () -> Activation<float>(ActivationFunction.Gelu, 5)) 5
        gradient "Dropout" (fun () -> Dropout<float>(6, 0.4)) 6
        gradient "Masking" (fun () -> Masking<float>(6, 3, 2)) 6
        gradient "Pyramid 2" (fun () -> Pyramid<float>(3, 2)) 3
        gradient "Pyramid 3" (fun () -> Pyramid<float>(2, 3)) 2
        gradient "LogSoftmax" (fun () -> LogSoftmax<float>(5)) 5
        gradient "LSTM" (fun () -> Recurrent<float>(3, 5, false)) 3
        gradient "BiLSTM" (fun () -> Recurrent<float>(3, 5, true)) 3
        gradient "BiLSTM wider than a register" (fun () -> Recurrent<float>(2, 9, true)) 2
    ]
