"""Which software made a run: a record beside its results, not part of them."""

from __future__ import annotations

import logging
import os
import platform
import re
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from loop.errors import CorruptFileError
from loop.rundir.files import Json, read_json, write_json

logger = logging.getLogger("scsc.loop")

VERSIONS = "versions.json"
PROJECT = "scsc"


@cache
def installed_versions() -> dict[str, Any]:
    """Find the versions of Python, the project and what it requires; nothing is imported for it."""
    try:
        wanted = [r for r in metadata.requires(PROJECT) or [] if "extra ==" not in r]
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        wanted = []
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in wanted]
    found = {name: _version(name) for name in sorted(names, key=str.lower)}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        PROJECT: _commit() or _version(PROJECT) or "unknown",
        "packages": {name: version for name, version in found.items() if version},
    }


def record_versions(folder: Path, generation: int) -> None:
    """Note in versions.json of a run what software works on it from `generation` on.

    One entry for each set of versions, so that a run that was resumed with others shows it; another
    number of threads is also said, because sums are then rounded differently.
    Raises StorageError when the file cannot be written, CorruptFileError when it is damaged.
    """
    path = folder / VERSIONS
    history = _recorded(path) if path.exists() else []
    entry: dict[str, Json] = {"first_generation": generation, **installed_versions()}
    before = history[-1].get("threads") if history else None
    if before not in (None, entry["threads"]):
        logger.warning(
            "%s goes on with OMP_NUM_THREADS %s, it began with %s: last digits may differ",
            folder, entry["threads"], before,
        )  # fmt: skip
    if not history or entry != {**history[-1], "first_generation": generation}:
        write_json(path, [*history, entry])


def _recorded(path: Path) -> list[dict[str, Json]]:
    found: Json = read_json(path)
    listed = found if isinstance(found, list) else [found]
    entries = [entry for entry in listed if isinstance(entry, dict)]
    if listed is not found or len(entries) < len(listed):
        raise CorruptFileError(
            "not the versions of a run",
            path=path,
            found=repr(found)[:80],
            expected="[{name: version}, ...]",
            remedy="restore the file, or remove it: no result depends on it",
        )
    return entries


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return commit of the checkout this file lies in, with "-dirty" where it was changed since."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):  # no git here, or not our checkout
        return None
    return done.stdout.strip() or None
