let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            relu ()
        }

        decoder { linear phones }
    }
