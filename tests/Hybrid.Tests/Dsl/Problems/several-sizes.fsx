let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (64, kernel = 0)
            blstm 64
            dropout 1.5
            pyramid 1
        }

        decoder { linear phones }
    }
