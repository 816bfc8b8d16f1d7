let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            mask (time = 20, frequency = 40)
            blstm 64
        }

        decoder { linear phones }
    }
