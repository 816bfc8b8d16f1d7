let network =
    encoderDecoder {
        features (mfcc 28)

        encoder {
            conv1d (64, kernel = 3)
            residual (stack { blstm 32; pyramid 2 })
        }

        decoder { linear phones }
    }
