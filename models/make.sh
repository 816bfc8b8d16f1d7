#!/bin/sh
# Makes the model that comes with Hybrid.
#   models/make.sh CORPUS LEXICON...
# CORPUS: the corpus of docs/results.md with its manifest.jsonl. LEXICON: CMUdict 0.7a, then the lexicon of LibriSpeech. MINUTES in
# the environment: how long to train, 30 where it is not set; two cores for themselves do more in that time than the run shipped had, 28
# minutes of one core. A training limited by the clock makes as many updates as the machine allows, so that the weights are others every time.
set -e
root=$(dirname "$0")/..
corpus=$1
shift
run=$(mktemp -d)
trap 'rm -r "$run"' EXIT
hybrid() { dotnet run -c Release --project "$root/src-fsharp/Hybrid.Cli" -- "$@"; }
hybrid train --recipe small --corpus "$corpus" --lexicon "$@" --out "$run" --minutes "${MINUTES:-30}"
# Which phones follow which. Utterances with words that no lexicon has are left out, which lm tells by its exit code 2.
hybrid lm --corpus "$corpus" --split train --lexicon "$@" --order 5 --out "$run/phones.arpa" || [ $? = 2 ]
# Weight and bonus: docs/results.md. The confidence below which nobody speaks: docs/robustness.md.
hybrid shrink --model "$run/model.safetensors" --lm "$run/phones.arpa" --lm-weight 0.55 --length-bonus 1.5 --least-confidence 0.66 --out "$root/models/english-small.safetensors"
# In a new build, because the model is a part of the library.
hybrid evaluate --corpus "$corpus" --split dev --lexicon "$@"
