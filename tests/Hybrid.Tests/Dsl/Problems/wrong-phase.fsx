let schedule =
    training {
        phase "first" 2<epochs> viterbi
        phase "rest" 0<epochs> (ctc |> withLearningRate (exponential 1.5))
    }
