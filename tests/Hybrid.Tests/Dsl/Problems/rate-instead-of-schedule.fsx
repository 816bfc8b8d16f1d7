let schedule =
    training {
        learningRate 1e-3
    }
