#!/usr/bin/env bash
# Sets up, checks the code, runs the tests. Slow evidence runs: .venv/bin/python -m pytest -m slow
set -euo pipefail
cd "$(dirname "$0")/.."
./setup.sh --test
. .venv/bin/activate

# The processes that tests start import our modules, too: compiled once is enough.
unset PYTHONDONTWRITEBYTECODE
# numba compiles the physics for half a minute in a new checkout, beside what needs one core only.
python -c "from tests.domains.motion.nursery import warm_up; warm_up()" & compiling=$!
echo "== ruff";         ruff check .; ruff format --check .
echo "== pyright";      pyright
echo "== import-linter"; lint-imports
wait $compiling
echo "== pytest"
# From Python 3.12 on, coverage is all but free; before, it makes Python code two or three times slower.
if python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then export COVERAGE_CORE=sysmon; fi
# One BLAS thread for each of the two test processes: more would only fight over the cores.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=85 --durations=15 "$@"
