#!/usr/bin/env bash
# A whole experiment: generation 0, every arm, graphs. bash exp_scripts/run_all.sh DATASET [options]
#   bash exp_scripts/run_all.sh 0064 --seeds 42 43 44    # with repetitions, kept apart by seed
#   bash exp_scripts/run_all.sh 0064 --cluster slurm     # the same on a cluster
#   bash exp_scripts/run_all.sh 0064 --arms raw nearest  # controls; --help lists the kinds of arms
#   bash exp_scripts/run_all.sh 0064 --dry-run           # only say what would run
#   bash exp_scripts/run_all.sh 0064 -- --faithful       # after --: options of every arm
# Stop it at any moment: the same command goes on where it was. How far it is, tells
#   python -m loop.sweep status 0064
. "$(dirname "$0")/environment.sh"
exec python -m loop.sweep run "$@"
