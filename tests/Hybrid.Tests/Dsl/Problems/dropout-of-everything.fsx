let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            dropout 1
        }

        decoder { linear phones }
    }
