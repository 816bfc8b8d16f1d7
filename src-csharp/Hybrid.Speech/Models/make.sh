#!/bin/sh
# Makes the model that comes with Hybrid, in about an hour of a core.
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
# Which phones follow which. Utterances with words that no lexicon has are left out, which lm tells by its exit code 2.
hybrid lm --corpus "$corpus" --split train --lexicon "$@" --order 6 --out "$run/phones.arpa" || [ $? = 2 ]
# Weight and bonus: docs/results.md. The confidence below which nobody speaks: docs/robustness.md.
hybrid export --model "$run/model.safetensors" --half --lm "$run/phones.arpa" --lm-weight 0.7 --length-bonus 2 --min-confidence 0.75 --out "$root/src-csharp/Hybrid.Speech/Models/english-small.safetensors"
# In a new build, because the model is a part of the library.
hybrid evaluate --corpus "$corpus" --split dev --lexicon "$@"
