#!/usr/bin/env bash
# The published text-motion evaluator and its normalisation.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

asset "t2m/text_mot_match/model/finest.tar" "published evaluator: FID, R-precision, diversity as in the papers"
asset "dataset/t2m_mean.npy" "its normalisation"
asset "dataset/t2m_std.npy" "its normalisation"

describe() { echo "Fetches the text-motion evaluator of HumanML3D (Guo et al. 2022) into t2m/."; }

by_hand() {
  cat <<'TEXT'
  1. get t2m.zip from the Google Drive link in prepare/download_t2m_evaluators.sh of
     https://github.com/GuyTevet/motion-diffusion-model
  2. put dataset/t2m_mean.npy and dataset/t2m_std.npy of the same repository into dataset/
  3. bash prepare/download_t2m_evaluators.sh --from t2m.zip
     (or unpack it yourself: t2m/text_mot_match/model/finest.tar)
TEXT
}

get() {
  local zip=${archive:-prepare/cache/t2m.zip} name done=0
  local files=https://raw.githubusercontent.com/GuyTevet/motion-diffusion-model/main/dataset
  if ! present t2m/text_mot_match/model/finest.tar; then
    [ -n "$archive" ] ||
      fetch "$(drive_url 1O_GUHgjDbl2tgbyfSwZOUYXDACnk25Kb)" "$zip" ||
      fetch "$(drive_url 1DSaKqWX2HlwBtVH5l7DdW96jeYUIXsOP)" "$zip" || return 1
    unpack "$zip" t2m || return 1
    place "text_mot_match" t2m/text_mot_match || return 1
  fi
  for name in t2m_mean.npy t2m_std.npy; do
    fetch "$files/$name" "dataset/$name" || done=1
  done
  return "$done"
}

main "$@"
