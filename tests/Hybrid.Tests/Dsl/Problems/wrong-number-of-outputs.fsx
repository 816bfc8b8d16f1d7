let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (64, kernel = 5, stride = 2)
            blstm 64
            pyramid 2
        }

        decoder {
            linear 128
            linear 40
        }
    }
