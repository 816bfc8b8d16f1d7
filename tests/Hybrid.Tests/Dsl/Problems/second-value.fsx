let schedule =
    training {
        batchSize 16 5000
    }
