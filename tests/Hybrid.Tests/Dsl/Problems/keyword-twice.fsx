let schedule =
    training {
        seed 1
        epochs 20
        seed 2
    }
