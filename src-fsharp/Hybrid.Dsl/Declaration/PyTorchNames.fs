namespace Hybrid.Dsl

open Hybrid.Core

/// Compiler errors for settings that are named as in PyTorch, with the name in Hybrid. F# looks for an unknown argument
/// name among the settable properties of the result, so these properties catch it.
[<AutoOpen>]
module PyTorchNames =
    [<Literal>]
    let private Id = 10003

    type LayerSpec with

        [<CompilerMessage("kernel_size is called kernel here: kernel = 7", Id, IsError = true, IsHidden = true)>]
        member _.kernel_size
            with set (_: obj) = ()

        [<CompilerMessage("kernelSize is called kernel here: kernel = 7", Id, IsError = true, IsHidden = true)>]
        member _.kernelSize
            with set (_: obj) = ()

        [<CompilerMessage("num_layers is called layers here: layers = 2", Id, IsError = true, IsHidden = true)>]
        member _.num_layers
            with set (_: obj) = ()

        [<CompilerMessage("numLayers is called layers here: layers = 2", Id, IsError = true, IsHidden = true)>]
        member _.numLayers
            with set (_: obj) = ()

    type OptimizerSpec with

        [<CompilerMessage("lr is called learningRate here: learningRate = 1e-3", Id, IsError = true, IsHidden = true)>]
        member _.lr
            with set (_: obj) = ()

        [<CompilerMessage("weight_decay is called weightDecay here: weightDecay = 1e-2",
                          Id,
                          IsError = true,
                          IsHidden = true)>]
        member _.weight_decay
            with set (_: obj) = ()

    type LearningRateSchedule with

        [<CompilerMessage("T_mult is called factor here: factor = 2", Id, IsError = true, IsHidden = true)>]
        member _.T_mult
            with set (_: obj) = ()

        [<CompilerMessage("eta_min is called floor here: floor = 1e-5", Id, IsError = true, IsHidden = true)>]
        member _.eta_min
            with set (_: obj) = ()

        [<CompilerMessage("gamma is called factor here: factor = 0.1", Id, IsError = true, IsHidden = true)>]
        member _.gamma
            with set (_: obj) = ()
