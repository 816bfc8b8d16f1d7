let schedule =
    training {
        batchSize 0
        batchFrames -5
        optimizer (sgd (learningRate = -0.1, nesterov = true))
        learningRate (warmUp (0.0, step (5.0, factor = 1.5)))
        clipGradients 0.0
        averageWeights (ema 1.0)
        stopEarly 0<epochs>
        decodeWith (prefixBeam 0)
        checkpointEvery 0.0<minutes>
    }
