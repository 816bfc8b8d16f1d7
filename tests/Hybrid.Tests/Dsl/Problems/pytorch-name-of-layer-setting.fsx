let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            lstm (256, num_layers = 2)
        }

        decoder { linear phones }
    }
