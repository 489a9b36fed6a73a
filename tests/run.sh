#!/usr/bin/env bash
# Sets up, checks the code, runs the tests. Slow evidence runs: .venv/bin/python -m pytest -m slow
set -euo pipefail
cd "$(dirname "$0")/.."
./setup.sh --test
. .venv/bin/activate

echo "== ruff";         ruff check .; ruff format --check .
echo "== pyright";      pyright
echo "== import-linter"; lint-imports
echo "== pytest"
# One BLAS thread for each of the two test processes: more would only fight over the cores.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
python -m pytest -m "not slow" -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=85 --durations=15 "$@"
