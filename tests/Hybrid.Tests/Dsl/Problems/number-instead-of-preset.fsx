let network =
    encoderDecoder {
        features 28

        encoder {
            blstm 64
        }

        decoder { linear phones }
    }
