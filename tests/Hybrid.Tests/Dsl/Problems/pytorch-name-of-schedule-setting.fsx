let schedule =
    training {
        learningRate (cosineWarmRestarts (4, T_mult = 2))
    }
