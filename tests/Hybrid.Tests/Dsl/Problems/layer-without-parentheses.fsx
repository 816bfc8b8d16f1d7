let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            squeezeExcite
        }

        decoder { linear phones }
    }
