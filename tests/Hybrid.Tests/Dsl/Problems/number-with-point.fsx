let schedule =
    training {
        batchSize 64.0
    }
