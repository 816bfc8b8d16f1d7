namespace Hybrid.Dsl

/// Messages of the compiler for schedules that do not compile.
module internal ScheduleMessages =
    [<Literal>]
    let OnlyKeywords =
        "a training block holds only keywords with their values: is one misspelt? Put let before the block, if and "
        + "match into a value, as in seed (if quick then 1 else 2), and write phases one by one, not in a for"

    [<Literal>]
    let Number = 10002

/// Content of a schedule that is not a keyword: it is refused with a message of its own instead of the compiler's.
type ScheduleBuilderErrors() =
    [<CompilerMessage(ScheduleMessages.OnlyKeywords, ScheduleMessages.Number, IsError = true, IsHidden = true)>]
    member _.Yield(_: 'variables) : Setting list = []

    [<CompilerMessage(ScheduleMessages.OnlyKeywords, ScheduleMessages.Number, IsError = true, IsHidden = true)>]
    member _.For(_: 'items, _: 'item -> 'block) : Setting list = []

    [<CompilerMessage(ScheduleMessages.OnlyKeywords, ScheduleMessages.Number, IsError = true, IsHidden = true)>]
    member _.Combine(_: Setting list, _: Setting list) : Setting list = []

    [<CompilerMessage(ScheduleMessages.OnlyKeywords, ScheduleMessages.Number, IsError = true, IsHidden = true)>]
    member _.Zero() : Setting list = []
