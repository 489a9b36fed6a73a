"""Every command that a message tells the user to type is understood by the program it names.

The messages are the strings of the product's source, in Python and bash, so that new ones are
found; `test_documents.WAYS` says how each kind of command is checked.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pip._internal.commands import create_command

from dataset.demo_source import _PIP
from model.text_encoder import MiniLMEncoder
from tests.docs.test_documents import ROOT, WAYS, as_the_user, install, syntax, typed

__all__ = ["as_the_user"]  # a fixture that runs by itself

START = re.compile(
    r"(?<![\w/{])(?:python -m \w|python [\w/]+\.py|(?:bash |\./)[\w/]+\.sh|pip install|hf download)"
)
END = re.compile(
    r"[`;,(){\"]|\\n|\n| \[| && | (?:and|checks|counts|draws|fetches|for|from|if|makes|measures|of|"
    r"on|or|prints|says|tells|then|whose|with)\b"
)
NAMED = re.compile(r"\b(?:python (?:-m [\w.]*\w|[\w/]+\.py)|bash [\w/]+\.sh)")
PRINTS = re.compile(r"\b(?:echo|extra|printf)\b")
FILLED = {
    "self.hub_name": "a/b",
    "self.requirement": MiniLMEncoder.requirement,
    "' '.join(_PIP)": " ".join(_PIP),
    "experiment.name": "demo",
    "options.domain": "gaussian",
    "captions": "",
    "size": "64",
}
"""What stands in a message for an expression; any other one is a name of a file."""


def text_of(node: ast.AST) -> str:
    """A string as it may be printed."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text_of, node.values))
    if isinstance(node, ast.FormattedValue):
        return FILLED.get(ast.unparse(node.value), "name")
    return ""


def messages(path: Path) -> Iterator[str]:
    """Strings of a Python file, of docstrings only names; of a bash file what it prints."""
    if path.suffix == ".sh":
        yield from (line for line in path.read_text().splitlines() if PRINTS.search(line))
        return
    nodes = list(ast.walk(ast.parse(path.read_text())))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts:
            text = text_of(node)
            yield from NAMED.findall(text) if id(node) in documentation else [text]


def commands() -> set[str]:
    """Every command of every message."""
    rooms = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"]
    rooms += [ROOT / name for name in ("exp_scripts", "prepare")]
    files = [file for room in rooms for file in room.rglob("*.*") if file.suffix in (".py", ".sh")]
    found = set()
    for file in [*files, ROOT / "setup.sh", ROOT / "get_smpl_data.sh"]:
        for text in messages(file):
            for start in START.finditer(text):
                rest = text[start.start() :]
                end = END.search(rest, len(start[0]))
                line = rest[: end.start() if end else None].rstrip(" .:")
                found.add(line if line.count("'") % 2 == 0 else line[: line.rindex("'")])
    return found


def pip(words: list[str]) -> None:
    """By pip's own parser, and every extra is one of ours."""
    create_command(words[1]).parse_args(words[2:])
    install(words)


def hub(words: list[str]) -> None:
    said = typed([*words[:2], "--help"])
    assert all(word in said for word in ["--local-dir", *words] if word.startswith("--"))


MESSAGES = WAYS | {
    "python -m pip": lambda words: pip(words[2:]),
    "pip install": pip,
    "hf download": hub,
    "bash exp_scripts/motion_evidence.sh": syntax,
    "bash exp_scripts/correction_evidence.sh": syntax,
}


def test_every_command_of_a_message_is_understood() -> None:
    faults, lines = [], commands()
    for line in sorted(lines):
        words = shlex.split(line.replace("DATASET", "0064").replace(" PP", " 50"))
        kinds = [kind for kind in MESSAGES if " ".join(words).startswith(kind)]
        module = words[2] if words[1:2] == ["-m"] else None
        files = [ROOT / word for word in words[:2] if word.endswith((".py", ".sh"))]
        if not all(file.is_file() for file in files) or (module and not find_spec(module)):
            faults.append(f"{line}: there is no such command")
        elif len(words) > (3 if module else 2) or words[0] in ("pip", "hf"):
            try:
                MESSAGES[max(kinds, key=len)](words)
            except (AssertionError, ImportError, OSError, SystemExit, ValueError) as error:
                faults.append(f"{line}: {error!r}")
            except pytest.fail.Exception as error:
                faults.append(f"{line}: {error}")
    assert not faults, "\n".join(faults)
    assert len(lines) > 40
