#!/usr/bin/env bash
# Does physics correction keep the motion loop from collapsing? All arms of results/motion.
#   bash exp_scripts/motion_evidence.sh BVH_DIR                       # seeds 0 to 4: days on two cores
#   bash exp_scripts/motion_evidence.sh BVH_DIR --seeds 5 6 7         # others
#   bash exp_scripts/motion_evidence.sh BVH_DIR --arms cmu_0064       # one data set
#   bash exp_scripts/motion_evidence.sh BVH_DIR --tenth               # one seed, raw and corrected: 10 minutes
#   timeout --signal INT 60m bash exp_scripts/motion_evidence.sh BVH_DIR    # an hour of it
# What matters most comes first. Stop it at any moment: the same command goes on where it was, and
# `python -m results.motion` makes tables and figures of what is there. BVH_DIR holds CMU takes
# (bash prepare/download_cmu.sh), those of results/motion/takes.txt. --tenth starts from the weights in
# weights/evidence, trained on the "Daz-friendly" BVH of these takes; others need `-- --from_scratch`,
# ten minutes more. It leaves results/motion alone: look into exp_outputs/motion_evidence_tenth.
case "${1:-}" in
  "" | -h | --help) sed -n '2,13s/^# \?//p' "$0"; exit ;;
esac
bvh_dir=$1
case $bvh_dir in /*) ;; *) bvh_dir=$PWD/$bvh_dir ;; esac # as it was typed, before the folder changes
shift
. "$(dirname "$0")/environment.sh"
run=(python -m loop.sweep run motion_evidence --experiment results.motion.plan --seeds 0 1 2 3 4)
trainer=()
results=(python -m results.motion)
sizes=(64 128)
if [ "${1:-}" = --tenth ]; then
  shift
  out=exp_outputs/motion_evidence_tenth
  run=(python -m loop.sweep run motion_evidence_tenth --experiment results.motion.plan --seeds 5
    --arms cmu_0064 --only cmu_0064_seed_5_{generation_0,raw_latest_1,corrected_latest_1})
  case " $* " in *" -- "*) ;; *) trainer=(--) ;; esac # what follows it goes to the trainer
  trainer+=(--generation_0_weights weights/evidence)
  results=(python -m results.motion --root "$out" --out "$out" --seeds 5)
  sizes=(64)
elif [ ! -f dataset/demo/train.txt ]; then
  python -m dataset.demo_clips --out dataset/demo
fi
for size in "${sizes[@]}"; do
  folder=$(printf 'dataset/cmu_%04d' "$size")
  [ -f "$folder/train.txt" ] || python -m dataset.cmu --bvh_dir "$bvh_dir" \
    --takes results/motion/takes.txt --size "$size" --out "$folder"
done
"${run[@]}" "$@" "${trainer[@]}"
"${results[@]}"
