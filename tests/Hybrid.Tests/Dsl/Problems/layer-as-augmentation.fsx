let schedule =
    training {
        augment (dropout 0.1)
    }
