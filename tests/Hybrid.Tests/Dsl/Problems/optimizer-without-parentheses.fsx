let schedule =
    training {
        optimizer adamW
    }
