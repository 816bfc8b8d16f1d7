let network =
    encoderDecoder {
        features (mfcc 80)
        encoder { blstm 64 }
        decoder { linear phones }
    }
