let schedule =
    training {
        selectBy "devLoss"
    }
