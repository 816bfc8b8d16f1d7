let schedule =
    training {
        epochs 20
        phase "hard" 2<epochs> viterbi
        phase "all" 18<epochs> ctc
    }
