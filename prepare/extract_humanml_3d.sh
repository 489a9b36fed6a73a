#!/usr/bin/env bash
# AMASS archives -> amass_data/, under the folder names that HumanML3D's index uses.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

# name of the archive on the site today | folder in the index of HumanML3D
sets=(
  "ACCAD|ACCAD" "BMLhandball|BMLhandball" "BMLmovi|BMLmovi" "BMLrub|BioMotionLab_NTroje" "CMU|CMU"
  "DFaust|DFaust_67" "EKUT|EKUT" "EyesJapanDataset|Eyes_Japan_Dataset" "HDM05|MPI_HDM05"
  "HumanEva|HumanEva" "KIT|KIT" "MoSh|MPI_mosh" "PosePrior|MPI_Limits" "SFU|SFU" "SSM|SSM_synced"
  "TCDHands|TCD_handMocap" "TotalCapture|TotalCapture" "Transitions|Transitions_mocap"
)
for entry in "${sets[@]}"; do
  asset "amass_data/${entry#*|}" "AMASS motions (SMPL+H G) that HumanML3D is cut from"
done

human=dataset/HumanML3D
extra "$human/new_joint_vecs/*.npy" "HumanML3D motions, 29,228 in the full set: the experiments of the paper"
extra "$human/texts/*.txt" "their captions, one file a motion"
for file in train val test train_val; do
  extra "$human/$file.txt" "split list of HumanML3D"
done
extra "$human/Mean.npy" "normalisation of HumanML3D"
extra "$human/Std.npy" "normalisation of HumanML3D"
extra "$human/index.csv" "where each clip comes from: exp_scripts/filter_dataset.py finds the 2,794 with it"
extra "dataset/F_Subjects_1_90/*.mat" "BMLmovi's lists of motions, one a subject: which clips of the 2,794 sit down"

describe() {
  echo "Unpacks the AMASS archives that lie in the folder of this checkout (or the one archive given with"
  echo "--from) into amass_data/, one after the other; a second call goes on where it was."
}

by_hand() {
  cat <<'TEXT'
  1. register at https://amass.is.tue.mpg.de and download "SMPL+H G" of the sets listed by --check
     (.tar.bz2, under their present or their older names) into the folder of this checkout
  2. bash prepare/extract_humanml_3d.sh
  3. HumanML3D: bash prepare/download_humanml3d_texts.sh, pose_data/humanact12.zip of
     https://github.com/EricGuo5513/HumanML3D, and python -m dataset.build_humanml3d --amass amass_data
     --smplh body_models/smplh --humanml3d dataset/HumanML3D_texts --humanact12 humanact12.zip
     --out dataset/HumanML3D; then: python -m dataset.doctor dataset/HumanML3D
  4. BMLmovi's list of motions, for the 2,794 subset: F_Subjects_1_45.tar and F_Subjects_46_90.tar of
     https://www.biomotionlab.ca/movi, unpacked into dataset/F_Subjects_1_90
TEXT
}

get() {
  local entry name found failed=0
  for entry in "${sets[@]}"; do
    present "amass_data/${entry#*|}" && continue
    found=""
    for name in "${entry%|*}" "${entry#*|}"; do
      if [ -z "$archive" ] && [ -f "$name.tar.bz2" ]; then found=$name.tar.bz2; fi
      case $(basename "$archive") in "$name.tar.bz2") found=$archive ;; esac
    done
    if [ -z "$found" ]; then failed=1; continue; fi
    say "unpacking $found"
    unpack "$found" amass_data || { failed=1; continue; }
    name=${entry#*|}
    if ! present "$staging/$name"; then name=${entry%|*}; fi
    place "$name" "amass_data/${entry#*|}" || failed=1
    rm -rf "$staging"
  done
  return "$failed"
}

main "$@"
