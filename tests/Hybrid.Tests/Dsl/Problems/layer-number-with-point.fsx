let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            blstm 512.0
        }

        decoder { linear phones }
    }
