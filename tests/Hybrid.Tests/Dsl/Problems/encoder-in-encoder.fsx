let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            encoder { relu }
        }

        decoder { linear phones }
    }
