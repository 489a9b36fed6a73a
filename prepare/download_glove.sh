#!/usr/bin/env bash
# Word vectors of the published text-motion evaluator.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

for file in data.npy words.pkl idx.pkl; do
  asset "glove/our_vab_$file" "GloVe words of the published evaluator (R-precision, matching score)"
done

describe() { echo "Fetches the GloVe vectors that the published text-motion evaluator reads into glove/."; }

by_hand() {
  cat <<'TEXT'
  1. get glove.zip from the Google Drive link in prepare/download_glove.sh of
     https://github.com/GuyTevet/motion-diffusion-model
  2. bash prepare/download_glove.sh --from glove.zip
     (or unpack it yourself: glove/our_vab_data.npy, glove/our_vab_words.pkl, glove/our_vab_idx.pkl)
TEXT
}

get() {
  local zip=${archive:-prepare/cache/glove.zip}
  [ -n "$archive" ] ||
    fetch "$(drive_url 1cmXKUT31pqd7_XpJAiWEo1K81TMYHA5n)" "$zip" ||
    fetch "$(drive_url 1bCeS6Sh_mLVTebxIgiUHgdPrroW06mb6)" "$zip" || return 1
  unpack "$zip" glove || return 1
  for file in data.npy words.pkl idx.pkl; do
    place "our_vab_$file" "glove/our_vab_$file" || return 1
  done
}

main "$@"
