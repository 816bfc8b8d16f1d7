let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            blstm 64
        }

        decoder { linear (128, 41) }
    }
