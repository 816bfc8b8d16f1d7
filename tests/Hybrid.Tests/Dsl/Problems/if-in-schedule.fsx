let quick = true

let schedule =
    training {
        seed 1
        if quick then epochs 2
    }
