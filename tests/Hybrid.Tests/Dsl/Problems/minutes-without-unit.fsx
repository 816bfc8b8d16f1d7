let schedule =
    training {
        checkpointEvery 5.0
    }
