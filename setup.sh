#!/usr/bin/env bash
# Sets up this checkout: a virtual environment in .venv with the pinned dependencies, checked at the end.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'TEXT'
usage: ./setup.sh [options]

Creates .venv, installs the versions pinned in constraints.txt, and checks that they work.
Running it again costs seconds when nothing changed. It deletes nothing that it did not make.

  --test               also what tests/run.sh needs (pytest, pyright, ruff, diffusers, ...)
  --python PYTHON      interpreter to use (3.11, 3.12 or 3.13; default: the newest found)
  --torch-index URL    package index to take torch from, for instance the CPU-only one that
                       pytorch.org names (PyPI's Linux wheel brings CUDA libraries of several GB)
  -h, --help           this text
TEXT
}

extras=""
python=""
torch_index=""
while [ $# -gt 0 ]; do
  case "$1" in
    --test) extras="[test]" ;;
    --python) python="${2:?--python needs an interpreter}"; shift ;;
    --torch-index) torch_index="${2:?--torch-index needs a URL}"; shift ;;
    -h|--help) usage; exit 0 ;;
    *) echo "setup.sh: unknown option '$1' (see ./setup.sh --help)" >&2; exit 2 ;;
  esac
  shift
done

supported() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if [ ! -x .venv/bin/python ]; then
  if [ -z "$python" ]; then
    for candidate in python3.13 python3.12 python3.11 python3 python; do
      if supported "$candidate"; then python=$candidate; break; fi
    done
  fi
  if [ -z "$python" ] || ! supported "$python"; then
    echo "setup.sh: no usable Python found" >&2
    echo "  found: ${python:-no interpreter} $("${python:-python3}" --version 2>&1 || true)" >&2
    echo "  expected: Python 3.11, 3.12 or 3.13 with the venv module" >&2
    echo "  what to do: on Debian or Ubuntu 'sudo apt-get install python3 python3-venv', or ./setup.sh --python PATH" >&2
    exit 1
  fi
  echo "setup.sh: creating .venv with $("$python" --version)"
  "$python" -m venv .venv
fi

# One stamp per choice of extras: what was installed, so that an unchanged checkout installs nothing.
stamp=.venv/scsc-setup-stamp
state="$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1) $PWD $(.venv/bin/python --version)"
installed="$(cat "$stamp" 2>/dev/null || true)"
# The test extras include everything, so an environment with them also serves without.
if [ "$installed" = "$state [test]" ] || { [ -z "$extras" ] && [ "$installed" = "$state" ]; }; then
  echo "setup.sh: .venv is up to date"
  exit 0
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
if [ -n "$torch_index" ]; then
  pip install --quiet --constraint constraints.txt --index-url "$torch_index" torch
fi
echo "setup.sh: installing the pinned packages (about two minutes the first time)"
pip install --quiet --constraint constraints.txt --editable ".$extras"

echo "setup.sh: checking"
.venv/bin/python test_environment.py
echo "$state${extras:+ $extras}" > "$stamp"
