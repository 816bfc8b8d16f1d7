let network =
    encoderDecoder {
        features (mfcc 28)
        decoder { linear phones }
    }
