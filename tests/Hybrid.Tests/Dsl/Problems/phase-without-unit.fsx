let schedule =
    training {
        phase "first" 2 viterbi
    }
