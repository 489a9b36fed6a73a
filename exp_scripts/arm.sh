#!/usr/bin/env bash
# The driver behind every train_*.sh: bash exp_scripts/arm.sh KIND DATASET [PP] [options]; --help.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f .venv/bin/activate ]; then
  echo "error: the environment .venv is missing" >&2
  echo "  path: $PWD" >&2
  echo "  what to do: ./setup.sh" >&2
  exit 1
fi
. .venv/bin/activate
exec python -m domains.motion.scripts "$@"
