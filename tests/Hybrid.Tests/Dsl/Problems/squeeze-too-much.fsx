let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            squeezeExcite 64
            blstm 64
        }

        decoder { linear phones }
    }
