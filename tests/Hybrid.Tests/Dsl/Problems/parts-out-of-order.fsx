let network =
    encoderDecoder {
        encoder { blstm 64 }
        features (mfcc 28)
        decoder { linear phones }
    }
