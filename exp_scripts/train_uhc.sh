#!/usr/bin/env bash
# Trains the learned controller of the humanoid on the demo clips and, where they were built, the CMU
# clips (python -m dataset.cmu --split subjects --out dataset/cmu_subjects), whose test people then are
# unseen; other folders as arguments. Ctrl-C at any moment; repeat to go on.
# About two and a half hours on two cores: an hour for the first 480 iterations, then 40 s for each.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"; exit ;; esac
bash "$(dirname "$0")/../setup.sh"
folders=()
for word in "$@"; do # as they were typed, before the folder changes
  if [ -d "$word" ]; then word=$(cd "$word" && pwd); fi
  folders+=("$word")
done
set -- ${folders[@]+"${folders[@]}"}
. "$(dirname "$0")/environment.sh"

if [ $# -eq 0 ]; then
  python -m dataset.demo_clips --out dataset/demo
  set -- dataset/demo
  if [ -d dataset/cmu_subjects ]; then set -- "$@" dataset/cmu_subjects; fi
fi
python -m train.train_uhc --motions "$@" --out exp_outputs/uhc --iterations "${ITERATIONS:-600}"
