#!/usr/bin/env bash
# The whole self-correcting self-consuming loop on real human motion, on a laptop CPU, in minutes.
# Ctrl-C at any moment; the same command again goes on where it was.
#   bash exp_scripts/quickstart.sh --from_scratch    # also train generation 0, which otherwise comes along
# Options are those of `python -m train.train_mdm_iterative_finetuning`, for all arms.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0"; exit ;; esac

# 1. A virtual environment with everything that is needed.
bash "$(dirname "$0")/../setup.sh"
. "$(dirname "$0")/environment.sh"

# 2. Real motion capture: 20 DeepMimic clips, cut into windows, in the HumanML3D layout.
data=dataset/demo
runs=exp_outputs/dataset_demo
python -m dataset.demo_clips --out "$data"

# 3. Generation 0, then three arms that start from it: real data only; 100 % of its own samples; the
#    same samples corrected by physics. Then graphs of all of them.
python -m loop.sweep run demo -- "$@"

# 4. Look at it: two films, a page, and what became of every arm.
python -m visualize.before_after "$runs/synthetic_percent_100_iterative_finetuning_with_correction"
python -m visualize.report "$runs"
python -m visualize.table "$runs"
