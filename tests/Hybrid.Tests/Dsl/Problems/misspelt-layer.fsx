let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            blsmt 256
        }

        decoder { linear phones }
    }
