let front = stack { conv1d 64 }

let network =
    encoderDecoder {
        features (mfcc 28)
        front
        decoder { linear phones }
    }
