let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            lstm (64, dropout = 0.2)
        }

        decoder { linear phones }
    }
