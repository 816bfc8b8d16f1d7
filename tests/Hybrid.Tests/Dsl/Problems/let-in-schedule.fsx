let schedule =
    training {
        seed 1
        let rate = 1e-3
        optimizer (adam (learningRate = rate))
    }
