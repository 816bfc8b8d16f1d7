let schedule =
    training {
        stopEarly 5
    }
