namespace Hybrid.Dsl

open Hybrid.Speech

/// Built-in recipes: networks with their training schedules.
module Recipes =
    let private recipe name (architecture: Architecture) schedule =
        Recipe(name, architecture.Features, architecture.Network, schedule)

    /// For the demo and for tests: learns synthetic speech in less than a minute. Small batches give many updates.
    let tiny =
        let network =
            encoderDecoder {
                features (mfcc 28)

                encoder {
                    conv1d (64, kernel = 5, stride = 2)
                    batchNorm
                    gelu
                    blstm 96
                    blstm 96
                }

                decoder { linear phones }
            }

        recipe
            "tiny"
            network
            (training {
                seed 1
                epochs 12
                batchSize 4
                batchFrames 8000
                optimizer (adamW (learningRate = 4e-3, weightDecay = 1e-2))
                learningRate (warmUp (0.5, cosine (floor = 1e-5)))
                clipGradients 5.0
            })

    /// For an hour of training on a laptop: early subsampling and small batches give many updates.
    let small =
        let network =
            encoderDecoder {
                features (mfcc (28, deltas = 2))

                encoder {
                    mask (time = 30, frequency = 6, timeCount = 3, frequencyCount = 2)
                    conv1d (128, kernel = 5, stride = 2)
                    batchNorm
                    gelu
                    blstm 160
                    pyramid 2
                    blstm 160
                    dropout 0.2
                    blstm 160
                    dropout 0.2
                }

                decoder { linear phones }
            }

        recipe
            "small"
            network
            (training {
                seed 1
                epochs 50
                batchSize 8
                batchFrames 2500
                optimizer (adamW (learningRate = 2e-3, weightDecay = 1e-2))
                learningRate (warmUp (1.0, cosine (floor = 1e-5)))
                clipGradients 5.0
                speeds [ 0.9; 1.0; 1.1 ]
            })

    /// A larger network: one convolution and three bidirectional LSTMs, two of them followed by frame stacking.
    let ``base`` =
        let network =
            encoderDecoder {
                features (mfcc 28)

                encoder {
                    conv1d (128, kernel = 5)
                    batchNorm
                    gelu
                    blstm 256

                    for _ in 1..2 do
                        blstm 256
                        pyramid 2
                }

                decoder { linear phones }
            }

        recipe
            "base"
            network
            (training {
                seed 1
                epochs 60
                batchSize 32
                batchFrames 12800
                optimizer (adamW (learningRate = 2e-3, weightDecay = 1e-3))
                learningRate (warmUp (1.0, cosine (floor = 1e-5)))
                clipGradients 5.0
            })

    /// The network and schedule of CMU 11-785 homework 3, part 2, as in the project that Hybrid re-creates.
    let hw3p2 =
        let network =
            encoderDecoder {
                features (mfcc 28)

                encoder {
                    mask (time = 5, frequency = 3)
                    conv1d (64, kernel = 7)
                    batchNorm
                    relu

                    for width in [ 64; 128; 256; 512 ] do
                        residual (width, kernel = 3, squeezeExcite = 16)
                        residual (width, kernel = 3, squeezeExcite = 16)

                    blstm 512
                    pyramid 2
                    blstm 512
                    pyramid 2
                }

                decoder {
                    batchNorm
                    linear 512
                    relu
                    linear 128
                    relu
                    linear phones
                }
            }

        recipe
            "hw3p2"
            network
            (training {
                seed 11785
                phase "hard alignments" 2<epochs> viterbi
                phase "all alignments" 58<epochs> ctc
                batchSize 64
                optimizer (adamW (learningRate = 2e-3, weightDecay = 1e-3))
                learningRate (cosineWarmRestarts (4, factor = 2, floor = 1e-5))
                clipGradients 5.0
                decodeWith (prefixBeam 2)
            })

    /// Letters to phones, for `trainG2p`: frames are letters, each with two output frames. For a dictionary of 100 000
    /// words and half an hour of training.
    let g2p =
        let network =
            encoderDecoder {
                features (precomputed 28)

                encoder {
                    conv1d (192, kernel = 5)
                    relu
                    blstm (192, layers = 3, dropout = 0.2)
                }

                decoder {
                    dropout 0.2
                    linear (2 * phones)
                    upsample 2
                }
            }

        recipe
            "g2p"
            network
            (training {
                seed 1
                epochs 18
                batchSize 128
                optimizer (adamW (learningRate = 2e-3, weightDecay = 1e-2))
                learningRate (warmUp (0.3, cosine (floor = 1e-5)))
                clipGradients 1.0
                averageWeights (ema 0.999)
            })

    /// All recipes for speech by name.
    let all: Recipe list = [ tiny; small; ``base``; hw3p2 ]
