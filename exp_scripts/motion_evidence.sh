#!/usr/bin/env bash
# Does physics correction keep the motion loop from collapsing? All arms and seeds of results/motion.
#   bash exp_scripts/motion_evidence.sh BVH_DIR                       # days on two cores
#   bash exp_scripts/motion_evidence.sh BVH_DIR --arms cmu_0064       # one data set
#   timeout --signal INT 60m bash exp_scripts/motion_evidence.sh BVH_DIR    # an hour of it
# What matters most comes first. Stop it at any moment: the same command goes on where it was, and
# `python -m results.motion` makes tables and figures of what is there.
# BVH_DIR holds CMU takes (bash prepare/download_cmu.sh).
. "$(dirname "$0")/environment.sh"
case "${1:-}" in
  "" | -h | --help) sed -n '2,8s/^# \?//p' "$0"; exit ;;
esac
bvh_dir=$1
shift
for size in 64 128; do
  folder=$(printf 'dataset/cmu_%04d' "$size")
  [ -f "$folder/train.txt" ] || python -m dataset.cmu --bvh_dir "$bvh_dir" --size "$size" --out "$folder"
done
[ -f dataset/demo/train.txt ] || python -m dataset.demo_clips --out dataset/demo
python -m loop.sweep run motion_evidence --experiment results.motion.plan --seeds 0 1 2 3 4 "$@"
python -m results.motion
