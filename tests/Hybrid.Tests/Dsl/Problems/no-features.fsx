let network =
    encoderDecoder {
        encoder { blstm 64 }
        decoder { linear phones }
    }
