let schedule =
    training {
        phase 2<epochs> viterbi
    }
