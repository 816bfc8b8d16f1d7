let schedule =
    training {
        seed
    }
