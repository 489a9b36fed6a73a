#!/usr/bin/env bash
# The evidence behind the MNIST corrections: 3 seeds, two ways of mixing, two ratios, every correction.
#   bash exp_scripts/mnist/evidence.sh                            # hours on two cores
#   bash exp_scripts/mnist/evidence.sh -- --data_dir FOLDER       # MNIST elsewhere
# What matters most comes first. Stop it at any moment: the same command goes on where it was, and
# `python exp_scripts/mnist/evidence.py` makes tables and figures of what is there.
case "${1:-}" in -h | --help) sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"; exit ;; esac
words=("$@")
for place in "${!words[@]}"; do # a folder as it was typed, before the folder changes
  if [ "$place" -gt 0 ] && [ "${words[$((place - 1))]}" = --data_dir ]; then
    case ${words[$place]} in /*) ;; *) words[$place]=$PWD/${words[$place]} ;; esac
  fi
done
set -- ${words[@]+"${words[@]}"}
. "$(dirname "$0")/../environment.sh"
python -m loop.sweep run mnist_evidence --experiment results.mnist.plan --seeds 0 1 2 "$@"
python exp_scripts/mnist/evidence.py
