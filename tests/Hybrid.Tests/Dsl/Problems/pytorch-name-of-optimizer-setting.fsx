let schedule =
    training {
        optimizer (adamW (lr = 2e-3))
    }
