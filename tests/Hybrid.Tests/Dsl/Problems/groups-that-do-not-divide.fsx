let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (64, kernel = 3)
            blstm 50
            conv1d (64, kernel = 3, groups = 8)
        }

        decoder { linear phones }
    }
