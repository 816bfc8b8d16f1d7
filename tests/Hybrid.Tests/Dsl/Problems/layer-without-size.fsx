let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            pyramid
        }

        decoder { linear phones }
    }
