# shellcheck shell=bash
# What every script of exp_scripts/ begins with: the project's folder and its Python. Sourced, never run.
# It changes the folder: make paths among the arguments absolute before, and read "$0" before, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ ! -f .venv/bin/activate ]; then
  echo "error: the environment .venv is missing" >&2
  echo "  path: $PWD" >&2
  echo "  what to do: ./setup.sh" >&2
  exit 1
fi
. .venv/bin/activate
