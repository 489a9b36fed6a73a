#!/usr/bin/env bash
# The SMPL files that the published text-to-motion code uses to draw bodies.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

asset "body_models/smpl/SMPL_NEUTRAL.pkl" "neutral SMPL body: meshes of samples"
asset "body_models/smpl/J_regressor_extra.npy" "extra joints of the published renderer (not used here)"
asset "body_models/smpl/kintree_table.pkl" "joint tree of the published renderer (not used here)"
asset "body_models/smpl/smplfaces.npy" "triangles of the published renderer (not used here)"

describe() {
  echo "Fetches the SMPL files of the published text-to-motion code into body_models/smpl/."
  echo "SMPL is licensed: https://smpl.is.tue.mpg.de/modellicense.html"
}

by_hand() {
  cat <<'TEXT'
  1. get smpl.zip from the Google Drive link in prepare/download_smpl_files.sh of
     https://github.com/GuyTevet/motion-diffusion-model
     (the body alone: register at https://smpl.is.tue.mpg.de, run bash get_smpl_data.sh)
  2. bash prepare/download_smpl_files.sh --from smpl.zip
     (or unpack it yourself into body_models/smpl/)
TEXT
}

get() {
  local zip=${archive:-prepare/cache/smpl.zip} name
  [ -n "$archive" ] || fetch "$(drive_url 1INYlGA76ak_cKGzvpOV2Pe6RkYTlXTW2)" "$zip" || return 1
  unpack "$zip" body_models/smpl || return 1
  for name in SMPL_NEUTRAL.pkl J_regressor_extra.npy kintree_table.pkl smplfaces.npy; do
    place "$name" "body_models/smpl/$name" || return 1
  done
}

main "$@"
