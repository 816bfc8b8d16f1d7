let schedule =
    training {
        epochs 60<epochs>
    }
