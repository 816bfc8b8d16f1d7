let schedule =
    training {
        seed 1
        speeds [ 90.0; 100.0; 110.0 ]
        epochs 20
    }
