let schedule =
    training {
        averageWeights 0.999
    }
