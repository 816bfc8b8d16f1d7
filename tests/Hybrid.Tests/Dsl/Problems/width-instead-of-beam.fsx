let schedule =
    training {
        decodeWith 8
    }
