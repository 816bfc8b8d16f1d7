#!/bin/sh
# Trains and exports the model that is part of Hybrid.Speech, in about an hour of one core.
#   src-csharp/Hybrid.Speech/Models/make.sh CORPUS LEXICON...
# CORPUS: the corpus of docs/results.md with its manifest.jsonl. LEXICON: CMUdict 0.7a, then the lexicon of LibriSpeech.
set -e
root=$(dirname "$0")/../../..
corpus=$1
shift
run=$(mktemp -d)
trap 'rm -r "$run"' EXIT
hybrid() { dotnet run -c Release --project "$root/src-fsharp/Hybrid.Cli" -- "$@"; }
hybrid train --recipe small --corpus "$corpus" --lexicon "$@" --out "$run"
# Phone n-grams. Utterances with words that no lexicon has are left out, so lm ends with exit code 2.
hybrid lm --corpus "$corpus" --split train --lexicon "$@" --order 6 --out "$run/phones.arpa" || [ $? = 2 ]
# Weight and insertion bonus: docs/results.md. Confidence threshold: docs/robustness.md.
hybrid export --model "$run/model.safetensors" --half --lm "$run/phones.arpa" --lm-weight 0.7 --length-bonus 2 \
    --min-confidence 0.75 --out "$root/src-csharp/Hybrid.Speech/Models/english-small.safetensors"
# This builds again, because the model is a part of the library.
hybrid evaluate --corpus "$corpus" --split dev --lexicon "$@"
