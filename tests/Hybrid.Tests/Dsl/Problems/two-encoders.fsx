let network =
    encoderDecoder {
        features (mfcc 28)
        encoder { blstm 64 }
        encoder { blstm 64 }
        decoder { linear phones }
    }
