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
  --gpu                torch with CUDA. Without this option, Linux without an NVIDIA GPU gets the build
                       for processors alone, which spares several GB of CUDA libraries
  --torch-index URL    package index to take torch from
  --smpl               then run get_smpl_data.sh, which fetches licensed body models with your account
  -h, --help           this text
TEXT
}

extras=""
python=""
torch_index=""
gpu=""
smpl=""
while [ $# -gt 0 ]; do
  case "$1" in
    --test) extras="[test]" ;;
    --python) python="${2:?--python needs an interpreter}"; shift ;;
    --torch-index) torch_index="${2:?--torch-index needs a URL}"; shift ;;
    --gpu) gpu=yes ;;
    --smpl) smpl=yes ;;
    -h|--help) usage; exit 0 ;;
    *) echo "setup.sh: unknown option '$1' (see ./setup.sh --help)" >&2; exit 2 ;;
  esac
  shift
done

supported() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

has_pip() { .venv/bin/python -m pip --version >/dev/null 2>&1; }

if ! has_pip; then # nothing there yet, or an interrupt came between Python and pip
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
  { "$python" -m venv .venv && has_pip; } || "$python" -m venv --clear .venv
elif [ -n "$python" ] && [ "$("$python" --version 2>&1)" != "$(.venv/bin/python --version)" ]; then
  echo "setup.sh: .venv has another Python" >&2
  echo "  found: $(.venv/bin/python --version)" >&2
  echo "  expected: $python" >&2
  echo "  what to do: rm -r .venv, then the same again; or leave --python out" >&2
  exit 1
fi

cpu_index=https://download.pytorch.org/whl/cpu
nvidia_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }
torch_installed() { .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)'; }
cuda_build() { .venv/bin/python -c 'import sys, torch; sys.exit(torch.version.cuda is None)' 2>/dev/null; }
answers() { .venv/bin/python -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "$1" 2>/dev/null; }
finish() {
  if [ -n "$smpl" ]; then exec bash get_smpl_data.sh; fi
  exit 0
}

# One stamp per choice of extras: what was installed, so that an unchanged checkout installs nothing.
stamp=.venv/scsc-setup-stamp
state="$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1) $PWD $(.venv/bin/python --version)"
installed="$(cat "$stamp" 2>/dev/null || true)"
# The test extras include everything, so an environment with them also serves without.
if [ "$installed" = "$state [test]" ] || { [ -z "$extras" ] && [ "$installed" = "$state" ]; }; then
  if [ -z "$torch_index" ] && { [ -z "$gpu" ] || cuda_build; }; then
    echo "setup.sh: .venv is up to date"
    finish
  fi
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
install_torch() { pip install --quiet --constraint constraints.txt "$@" torch; }
# pip takes an installed torch from anywhere, CUDA or not, for the same version, unless told otherwise.
if [ -n "$torch_index" ]; then
  install_torch --index-url "$torch_index" $(torch_installed && echo --force-reinstall)
elif [ -n "$gpu" ]; then
  cuda_build || { install_torch --force-reinstall; cuda_build; } ||
    echo "setup.sh: the default index has no torch with CUDA for this machine; name one with --torch-index"
elif [ "$(uname -s)" = Linux ] && ! nvidia_gpu && ! torch_installed; then
  # A build "+cpu" counts as newer than the same version without it: pip prefers it among both indexes.
  { answers "$cpu_index/torch/" && install_torch --extra-index-url "$cpu_index"; } ||
    echo "setup.sh: no answer from $cpu_index: torch comes from the default index (PyPI's brings several GB of CUDA libraries that this machine does not use)"
fi
echo "setup.sh: installing the pinned packages (about two minutes the first time)"
pip install --quiet --constraint constraints.txt --editable ".$extras"

echo "setup.sh: checking"
.venv/bin/python test_environment.py
echo "$state${extras:+ $extras}" > "$stamp"
finish
