#!/usr/bin/env bash
# Checkpoints of the published Universal Humanoid Control, for comparison; our own needs none.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

models=UniversalHumanoidControl/results/motion_im
policies=(
  "uhc_explicit/models/iter_5000.p 1wdsS0wRji3vFY6xvORptVdFEJLyY_I1T"
  "uhc_implicit/models/iter_19000.p 1CA3lKhIEOwzhX7IMdu_B_QnjrXfPXYnM"
  "uhc_implicit_shape/models/iter_4700.p 16FI_Ga2iE3zfP93_XgRSVVCTL6zkDEJ_"
)
for policy in "${policies[@]}"; do
  asset "$models/${policy% *}" "published tracking policy, for comparison only"
done

extra "UniversalHumanoidControl/sample_data/*" "motions that the published UHC shows itself with; not read here"

describe() {
  echo "Fetches the published UHC checkpoints into UniversalHumanoidControl/, where the published"
  echo "code looks for them. Nothing here needs them: the corrector in uhc/ has its own controller."
}

by_hand() {
  echo "  get these from the Google Drive links in download_data.sh of https://github.com/ZhengyiLuo/UHC:"
  for policy in "${policies[@]}"; do echo "    $models/${policy% *}"; done
  echo "  its sample_data comes with the same script, and goes to UniversalHumanoidControl/sample_data/"
}

get() {
  [ -z "$archive" ] || give_up "these are single files, there is no archive to unpack"
  for policy in "${policies[@]}"; do
    fetch "$(drive_url "${policy#* }")" "$models/${policy% *}" || return 1
  done
}

main "$@"
