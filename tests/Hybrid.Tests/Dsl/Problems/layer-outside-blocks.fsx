let network =
    encoderDecoder {
        features (mfcc 28)
        blstm 64
        decoder { linear phones }
    }
