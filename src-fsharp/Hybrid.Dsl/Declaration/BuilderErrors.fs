namespace Hybrid.Dsl

/// What the compiler says where something else than keywords stands in a schedule.
module internal ScheduleErrorMessages =
    [<Literal>]
    let OnlyKeywords =
        "a training block holds keywords with their values alone: is one misspelt? let goes in front of the block, if and match go into a value, as in seed (if quick then 1 else 2), phases of a for are written one by one"

    [<Literal>]
    let Number = 10002

/// What a schedule refuses, with our own sentence instead of the compiler's: each keyword with any values but those that
/// TrainingBuilder takes, which are more special and therefore preferred, and all that is no keyword. Types are parameters here, lest the
/// compiler ask for annotations where a schedule is made by a function: `let quick count = training { epochs count }`.
type ScheduleBuilderErrors() =
    [<CompilerMessage(ScheduleErrorMessages.OnlyKeywords, ScheduleErrorMessages.Number, IsError = true, IsHidden = true)>]
    member _.Yield(_: 'variables) : Setting list = []

    [<CompilerMessage(ScheduleErrorMessages.OnlyKeywords, ScheduleErrorMessages.Number, IsError = true, IsHidden = true)>]
    member _.For(_: 'items, _: 'item -> 'block) : Setting list = []

    [<CompilerMessage(ScheduleErrorMessages.OnlyKeywords, ScheduleErrorMessages.Number, IsError = true, IsHidden = true)>]
    member _.Combine(_: Setting list, _: Setting list) : Setting list = []

    [<CompilerMessage(ScheduleErrorMessages.OnlyKeywords, ScheduleErrorMessages.Number, IsError = true, IsHidden = true)>]
    member _.Zero() : Setting list = []

    [<CustomOperation "seed";
      CompilerMessage("seed takes one whole number: seed 11785",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Seed(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "epochs";
      CompilerMessage("epochs takes one whole number, without a unit: epochs 20",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Epochs(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "batchSize";
      CompilerMessage("batchSize takes one whole number, the utterances of a batch: batchSize 32",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.BatchSize(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "batchFrames";
      CompilerMessage("batchFrames takes one whole number, the frames of a batch: batchFrames 16000",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.BatchFrames(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "optimizer";
      CompilerMessage("optimizer takes sgd, adam or adamW, with their settings in parentheses: optimizer (adamW (learningRate = 1e-3))",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Optimizer(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "learningRate";
      CompilerMessage("learningRate takes a schedule: learningRate (cosine ()); the rate itself is a setting of the optimizer: optimizer (adamW (learningRate = 1e-3))",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.LearningRate(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "averageWeights";
      CompilerMessage("averageWeights takes an average: averageWeights (ema 0.999)",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.AverageWeights(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "augment";
      CompilerMessage("augment takes masks: augment (mask (time = 20, frequency = 4)); dropout is a layer and goes into encoder or decoder",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Augment(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "speeds";
      CompilerMessage("speeds takes a list of factors: speeds [ 0.9; 1.0; 1.1 ]",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Speeds(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "stopEarly";
      CompilerMessage("stopEarly takes one whole number of epochs, with the unit: stopEarly 5<epochs>",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.StopEarly(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "decodeWith";
      CompilerMessage("decodeWith takes greedy or a beam: decodeWith (prefixBeam 8)",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.DecodeWith(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "checkpointEvery";
      CompilerMessage("checkpointEvery takes minutes, with a decimal point and the unit: checkpointEvery 5.0<minutes>",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.CheckpointEvery(settings: Setting list, ?_value: 'value, ?_more: obj, ?_line: int) = settings

    [<CustomOperation "phase";
      CompilerMessage("phase takes a name, a length in epochs with the unit, and a loss: phase \"all alignments\" 28<epochs> ctc",
                      ScheduleErrorMessages.Number,
                      IsError = true,
                      IsHidden = true)>]
    member _.Phase(settings: Setting list, ?_name: 'name, ?_length: 'length, ?_loss: 'loss, ?_more: obj, ?_line: int) =
        settings
