let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (64, width = 7)
        }

        decoder { linear phones }
    }
