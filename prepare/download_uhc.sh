#!/usr/bin/env bash
# Checkpoints of the published Universal Humanoid Control: what `--controller faithful` runs.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

models=UniversalHumanoidControl/results/motion_im
policies=(
  "uhc_explicit/models/iter_5000.p 1wdsS0wRji3vFY6xvORptVdFEJLyY_I1T"
  "uhc_implicit/models/iter_19000.p 1CA3lKhIEOwzhX7IMdu_B_QnjrXfPXYnM"
  "uhc_implicit_shape/models/iter_4700.p 16FI_Ga2iE3zfP93_XgRSVVCTL6zkDEJ_"
)
asset "$models/${policies[0]% *}" "weights of --controller faithful, the published physics arm"
for policy in "${policies[@]:1}"; do
  asset "$models/${policy% *}" "published tracking policy of another configuration; not read here"
done

extra "UniversalHumanoidControl/sample_data/*" "motions that the published UHC shows itself with; not read here"

describe() {
  echo "Fetches the published UHC checkpoints into UniversalHumanoidControl/, where the published"
  echo "code looks for them. --controller faithful needs uhc_explicit/models/iter_5000.p and a neutral"
  echo "SMPL file (get_smpl_data.sh); the other controllers of uhc/ need neither."
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
