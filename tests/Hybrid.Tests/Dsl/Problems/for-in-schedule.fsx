let schedule =
    training {
        for length in [ 2; 58 ] do
            phase "all" (length * 1<epochs>) ctc
    }
