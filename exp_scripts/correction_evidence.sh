#!/usr/bin/env bash
# What the correction does to real, corrupted and floor-work motions: all CSVs of results/uhc.
#   bash exp_scripts/correction_evidence.sh BVH_DIR                  # an hour or two on two free cores
#   bash exp_scripts/correction_evidence.sh BVH_DIR --again          # measures anew what is there
#   bash exp_scripts/correction_evidence.sh BVH_DIR --workers 1      # options of every measurement
# What matters most comes first. Each CSV is made in exp_outputs/correction_evidence and copied to
# results/uhc. Stop it at any moment: the same command keeps what is made and goes on; after a change
# of the correction give --again. `python -m results.uhc` makes the tables of what is there. BVH_DIR
# holds CMU takes (bash prepare/download_cmu.sh).
case "${1:-}" in
  "" | -h | --help) sed -n '2,9s/^# \?//p' "$0"; exit ;;
esac
bvh_dir=$1
case $bvh_dir in /*) ;; *) bvh_dir=$PWD/$bvh_dir ;; esac # as it was typed, before the folder changes
shift
. "$(dirname "$0")/environment.sh"
made=exp_outputs/correction_evidence
if [ "${1:-}" = --again ]; then
  shift
  rm -rf "$made"
fi
options=("$@")
mkdir -p "$made"
[ -f dataset/demo/train.txt ] || python -m dataset.demo_clips --out dataset/demo
[ -f dataset/cmu_subjects/train.txt ] || # test.txt holds other people
  python -m dataset.cmu --bvh_dir "$bvh_dir" --size max --split subjects --out dataset/cmu_subjects

measure() { # NAME MODULE OPTIONS: makes NAME.csv, unless it is there
  if [ ! -f "$made/$1.csv" ]; then
    echo "$(date +%T) $1"
    python -m "$2" "${@:3}" --out "$made/$1.csv" "${options[@]}"
  fi
  for file in "$made/$1".*; do
    cmp -s "$file" "results/uhc/${file##*/}" || cp "$file" results/uhc
  done
}

demo=(--motions dataset/demo/clips)
cmu=(--motions dataset/cmu_subjects --originals)
test=("${cmu[@]}" --split test --upright)
measure fixed_point uhc.fixed_point "${test[@]}" --frames 45
unaided=(uhc.evaluate "${test[@]}" --max-residual-force 0 --controller)
measure unaided_tracker_cmu_test "${unaided[@]}" tracker
measure unaided_policy_alone_cmu_test "${unaided[@]}" policy --alone
measure unaided_policy_cmu_test "${unaided[@]}" policy
measure corrupted_cmu_test uhc.corrupted "${test[@]}"
measure clean_demo uhc.evaluate "${demo[@]}"
measure clean_cmu_upright uhc.evaluate "${cmu[@]}" --upright
measure tracker_demo uhc.evaluate "${demo[@]}" --controller tracker
measure tracker_cmu_upright uhc.evaluate "${cmu[@]}" --upright --controller tracker
measure floor_feet_demo uhc.evaluate "${demo[@]}" --floor --contacts feet
measure corrupted_floor uhc.corrupted "${demo[@]}" --floor
measure floor_cmu uhc.evaluate "${cmu[@]}" --floor
measure floor_feet_cmu uhc.evaluate "${cmu[@]}" --floor --contacts feet
measure unaided_search_cmu_test "${unaided[@]}" search
measure search_demo uhc.evaluate "${demo[@]}" --controller search
measure search_cmu_upright uhc.evaluate "${cmu[@]}" --upright --controller search
python -m results.uhc
