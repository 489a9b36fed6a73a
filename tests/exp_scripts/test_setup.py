"""Which torch setup.sh asks pip for, and what follows; a script stands in for Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CPU = "--extra-index-url https://download.pytorch.org/whl/cpu torch"
PYTHON = """#!/usr/bin/env bash
echo "$*" >> calls.log
case "$*" in
  *find_spec*) exit "$NO_TORCH" ;;
  *urlopen*) exit "$NO_NETWORK" ;;
  *version.cuda*) exit "$NO_CUDA" ;;
  *"pip --version"*) test -e .venv/pip ;;
  *"-m venv $MENDS"*) touch .venv/pip ;;
  *--version*) echo Python 3.12.0 ;;
esac
"""


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    for name in ("setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, tmp_path)
    for path, text in {
        ".venv/bin/python": PYTHON,
        ".venv/pip": "",
        "programs/nvidia-smi": '#!/usr/bin/env bash\nexit "$NO_GPU"\n',
        "programs/uname": "#!/usr/bin/env bash\necho Linux\n",
        "get_smpl_data.sh": "echo asked for an account\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    return tmp_path


def typed(checkout: Path, *options: str, status: int = 0, **machine: int | str) -> tuple[str, str]:
    """What setup.sh said, and the calls of pip that install torch by itself."""
    answers = {"NO_NETWORK": 0, "NO_GPU": 1, "NO_CUDA": 1, "NO_TORCH": 1, "MENDS": "", **machine}
    run = subprocess.run(
        ["bash", str(checkout / "setup.sh"), *options],
        env={
            **os.environ,
            "PATH": f"{checkout / 'programs'}:{os.environ['PATH']}",
            **{name: str(value) for name, value in answers.items()},
        },
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == status, run.stderr
    calls = (checkout / "calls.log").read_text().splitlines()
    return run.stdout + run.stderr, "\n".join(line for line in calls if line.endswith(" torch"))


def test_without_a_gpu_torch_is_built_for_processors(checkout: Path) -> None:
    assert CPU in typed(checkout)[1]


def test_without_an_answer_the_default_index_steps_in_and_is_named(checkout: Path) -> None:
    said, calls = typed(checkout, NO_NETWORK=1)
    assert not calls and said.count("several GB") == 1


def test_with_a_gpu_the_default_index_is_asked(checkout: Path) -> None:
    said, calls = typed(checkout, NO_GPU=0)
    assert not calls and "several GB" not in said


def test_gpu_replaces_a_build_without_cuda(checkout: Path) -> None:
    typed(checkout)  # now up to date, without CUDA
    said, calls = typed(checkout, "--gpu")
    assert calls.endswith("--force-reinstall torch") and "no torch with CUDA" in said
    assert "up to date" in typed(checkout, "--gpu", NO_CUDA=0)[0]


def test_an_index_of_ones_own_is_the_only_one(checkout: Path) -> None:
    assert "--index-url https://here torch" in typed(checkout, "--torch-index", "https://here")[1]


def test_an_index_of_ones_own_replaces_what_is_installed(checkout: Path) -> None:
    typed(checkout)  # now up to date
    said, calls = typed(checkout, "--torch-index", "https://here", NO_TORCH=0)
    assert "--index-url https://here --force-reinstall torch" in calls and "up to date" not in said


@pytest.mark.parametrize("mends", [".venv", "--clear .venv"])
def test_an_interrupt_before_pip_came_is_made_good(checkout: Path, mends: str) -> None:
    (checkout / ".venv/pip").unlink()
    other = checkout / "programs/python3.13"
    shutil.copy(checkout / ".venv/bin/python", other)
    assert "creating .venv" in typed(checkout, MENDS=mends)[0]
    assert ("--clear" in (checkout / "calls.log").read_text()) == (mends != ".venv")
    assert "creating .venv" not in typed(checkout)[0]


def test_another_python_needs_another_environment(checkout: Path) -> None:
    other = checkout / "programs/other"
    other.write_text("#!/usr/bin/env bash\necho Python 3.11.0\n")
    other.chmod(0o755)
    said, _ = typed(checkout, "--python", str(other), status=1)
    assert "found: Python 3.12.0" in said and "rm -r .venv" in said
    typed(checkout, "--python", str(checkout / ".venv/bin/python"))


def test_smpl_ends_with_the_download_also_when_nothing_is_to_do(checkout: Path) -> None:
    for _ in range(2):
        assert typed(checkout, "--smpl")[0].endswith("asked for an account\n")
