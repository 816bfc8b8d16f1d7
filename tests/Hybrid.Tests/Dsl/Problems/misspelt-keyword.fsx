let schedule =
    training {
        seed 1
        epoch 20
    }
