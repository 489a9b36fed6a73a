"""Every command, Python block and link of the documents: run where that is cheap, else parsed.

`WAYS` says how each kind of command is checked; a command of no known kind fails.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tyro
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "weights" / "README.md",
    *sorted((ROOT / "results").glob("*/README.md")),
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PART = re.compile(r"[\w.]+:\w+")
"""A user's own class or function, as `--correction` takes it."""
PROGRAMS = ("bash ", "python ", "./setup.sh", "pip ", "make ", "torchrun ", "pre-commit ", "sudo ")


class ParsedError(BaseException):
    """The command line was understood; nothing was run."""


def blocks(document: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(document.read_text()) if kind == language]


def commands(document: Path) -> Iterator[list[str]]:
    """The words of every command: lines of shell blocks, and code within sentences."""
    lines = [line for block in blocks(document, "bash") for line in joined(block)]
    prose = " ".join(FENCE.sub("", document.read_text()).split())
    spans = re.findall(r"`([^`]+)`", prose)
    lines += [span for span in spans if span.startswith(PROGRAMS) and " " in span]
    for line in lines:
        for part in line.split(" && "):
            if words := shlex.split(part, comments=True):
                yield words


def joined(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def parse_only(function: Callable[..., Any], **options: Any) -> None:
    """Stand in for `tyro.cli`: parse, and stop before the function is called."""
    target = function
    if inspect.isfunction(function):

        @functools.wraps(function)
        def target(*_: Any, **__: Any) -> None:
            raise ParsedError

    CLI(target, **options)
    raise ParsedError


CLI: Any = tyro.cli


def parse(words: list[str]) -> None:
    """Let a Python program parse its command line in this process, and no more."""
    run: Callable[..., Any] = runpy.run_path
    name, arguments = str(ROOT / words[1]), words[2:]
    if words[1] == "-m":
        run = functools.partial(runpy.run_module, alter_sys=True)
        name, arguments = words[2], words[3:]
    for module, attribute in (word.split(":") for word in arguments if PART.fullmatch(word)):
        assert hasattr(importlib.import_module(module), attribute), f"{module}:{attribute}"
    sys.argv = [name, *arguments]
    with warnings.catch_warnings(), pytest.raises((ParsedError, SystemExit)) as stopped:
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy: is imported already
        run(name, run_name="__main__")
        raise ParsedError  # it takes no arguments, and is done
    assert not isinstance(stopped.value, SystemExit) or stopped.value.code in (0, None)


def parse_script(words: list[str]) -> None:
    """Follow a script to the Python process that it becomes, and parse that one's words."""
    script, arguments = words[1], words[2:]
    last = (ROOT / script).read_text().splitlines()[-1]
    if match := re.fullmatch(r'\. "\$\(dirname "\$0"\)/(?:\.\./)?arm\.sh" (.*) "\$@"', last):
        arguments = [*match[1].split(), *arguments]
        needed = 3 if arguments[0].startswith("iterative_finetuning") else 2
        assert not any(word.startswith("-") for word in arguments[:needed]), arguments
        last = 'exec python -m train.train_mdm_iterative_finetuning "$@"'
        arguments = ["--save_dir", "arm", "--mini_dataset_dir", "data", *arguments[needed:]]
    assert last.startswith("exec python ") and last.endswith(' "$@"'), last
    process = last.removeprefix("exec ").removesuffix(' "$@"').replace('"$name"', "mnist")
    parse([*process.split(), *arguments])


def typed(words: list[str], *more: str) -> str:
    run = subprocess.run(
        [*words, *more], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def syntax(words: list[str]) -> None:
    """What takes minutes or a cluster: the file is there, and bash can read it."""
    typed(["bash", "-n", words[1]])


def explain(words: list[str]) -> None:
    """What fetches files: its help knows the options."""
    program = words[:2] if words[0] == "bash" else words[:1]
    said = typed([*program, "--help"])
    assert all(word in said for word in words if word.startswith("--"))


def install(words: list[str]) -> None:
    for extra in re.findall(r"\[(\w+)\]", " ".join(words)):
        assert extra in PROJECT["project"]["optional-dependencies"]


def marked(words: list[str]) -> None:
    marks = [line.split(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert words[words.index("-m", 3) + 1] in marks


def nothing(words: list[str]) -> None:
    """Not ours to run: the system's package manager, or the activation of the environment."""


WAYS: dict[str, Callable[[list[str]], None]] = {
    "python -m": parse,
    "python": parse,
    "torchrun --nproc_per_node": lambda words: parse(["python", *words[3:]]),
    "bash exp_scripts/train_": parse_script,
    "bash exp_scripts/dataset_": parse_script,
    "bash exp_scripts/run_all.sh": parse_script,
    "bash exp_scripts/mnist/run_all.sh": parse_script,
    "bash exp_scripts/train_uhc.sh": syntax,
    "bash exp_scripts/slurm.sh": syntax,
    "bash exp_scripts/quickstart.sh": syntax,
    "bash exp_scripts/mnist/evidence.sh": syntax,
    "bash exp_scripts/motion_evidence.sh": syntax,
    "bash exp_scripts/correction_evidence.sh": syntax,
    "bash tests/run.sh": syntax,
    "bash get_smpl_data.sh": explain,
    "bash prepare/": explain,
    "./setup.sh": explain,
    "make": lambda words: [typed(["make", "-n", verb]) for verb in words[1:]] and None,
    "pip install": install,
    "pre-commit": nothing,
    ".venv/bin/python -m pytest": marked,
    ". .venv/bin/activate": nothing,
    "sudo apt-get install": nothing,
}


AWAITED: set[str] = set()
"""Documents of other work on the way, linked already."""


@pytest.fixture(autouse=True)
def as_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project's folder, with a command line and a logger that tests may change."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(tyro, "cli", parse_only)
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_understood(document: Path) -> None:
    faults = []
    for words in commands(document):
        line = shlex.join(words)
        kinds = [kind for kind in WAYS if " ".join(words).startswith(kind)]
        if not kinds:
            faults.append(f"{line}: no way to check this kind of command")
            continue
        try:
            WAYS[max(kinds, key=len)](words)
        except (AssertionError, ImportError, OSError, pytest.fail.Exception) as error:
            faults.append(f"{line}: {error}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "words", ["python -m uhc.evaluate --moitons x", "bash exp_scripts/run_all.sh 0064 --sed 1"]
)
def test_a_misspelt_option_is_seen(words: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        WAYS["python" if words.startswith("python") else "bash exp_scripts/run_all.sh"](
            words.split()
        )


@pytest.mark.parametrize(
    ("document", "code"),
    [(path, code) for path in DOCUMENTS for code in blocks(path, "python")],
    ids=lambda value: value.name if isinstance(value, Path) else "block",
)
def test_python_blocks_run(
    document: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(document), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.splitlines()
    assert printed
    for expected in re.findall(r"^print\(.*\)  # ([(\[].*)$", code, re.MULTILINE):
        assert expected in printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", FENCE.sub("", document.read_text()))
    local = [target for target in targets if not target.startswith("http")]
    missing = {target for target in local if not (document.parent / target).exists()}
    assert {Path(target).name for target in missing} <= AWAITED, missing


def test_the_readme_is_short_and_its_film_small() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
    assert (ROOT / "docs" / "media" / "correction.gif").stat().st_size < 1_500_000


def test_every_verb_of_the_makefile_and_every_hook_exists() -> None:
    verbs = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for verb in verbs:
        assert typed(["make", "-n", verb])
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    installed = Path(sys.prefix) / "bin"
    for hook in hooks:
        assert os.access(installed / Path(hook["entry"].split()[0]).name, os.X_OK)


def test_the_citation_names_the_paper() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == PROJECT["project"]["version"]
    (paper,) = cited["references"]
    assert paper["identifiers"] == [{"type": "other", "value": "arXiv:2402.07087"}]
