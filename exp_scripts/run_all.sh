#!/usr/bin/env bash
# A whole experiment: generation 0, every arm, graphs. bash exp_scripts/run_all.sh DATASET [options]
#   bash exp_scripts/run_all.sh 0064 --seeds 42 43 44    # with repetitions, kept apart by seed
#   bash exp_scripts/run_all.sh 0064 --cluster slurm     # the same on a cluster
#   bash exp_scripts/run_all.sh 0064 --dry-run           # only say what would run
#   bash exp_scripts/run_all.sh 0064 -- --faithful       # after --: options of every arm
# Stop it at any moment: the same command goes on where it was. How far it is, tells
#   python -m loop.sweep status 0064
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f .venv/bin/activate ]; then
  echo "error: the environment .venv is missing" >&2
  echo "  path: $PWD" >&2
  echo "  what to do: ./setup.sh" >&2
  exit 1
fi
. .venv/bin/activate
exec python -m loop.sweep run "$@"
