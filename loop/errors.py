"""Errors that say where, what was found, what was expected, and what to do about it."""

from __future__ import annotations

import shlex
from pathlib import Path


def fetch_again(path: Path | str, script: str) -> str:
    """Return the command that fetches a damaged file anew: scripts keep what is there."""
    return f"rm {shlex.quote(str(path))} && {script}"


class ScscError(Exception):
    """Base of every error this project raises on purpose.

    Each message has the same four parts, so that a user finds the next step in any of them.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        found: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.found = found
        self.expected = expected
        self.remedy = remedy
        lines = [message]
        for label, part in (
            ("path", path),
            ("found", found),
            ("expected", expected),
            ("what to do", remedy),
        ):
            if part is not None:
                lines.append(f"  {label}: {part}")
        super().__init__("\n".join(lines))


class MissingAssetError(ScscError):
    """A file that the user (or one of our commands) has to provide is not there."""


class CorruptFileError(ScscError):
    """A file is there but cannot be read as what it should be (truncated, wrong format)."""


class InvalidMotionError(ScscError):
    """A motion array has a wrong shape, too few frames, or values that are not finite."""


class InvalidCaptionError(ScscError):
    """A caption file is missing, empty, or has a line that does not parse."""


class InvalidSamplesError(ScscError):
    """Feature vectors for a metric: not finite, too few, or of widths that do not fit together."""


class InvalidOptionError(ScscError):
    """Options that do not fit together, or a value out of range."""


class SimulationError(ScscError):
    """The physics simulation diverged or could not start."""


class RunLockedError(ScscError):
    """Another process is working on the same run directory."""


class RunStateError(ScscError):
    """A run directory does not hold what resuming needs, or belongs to another configuration."""


class StorageError(ScscError):
    """The disk is full, or the folder cannot be written."""


class JobFailedError(ScscError):
    """A command that was started as part of a sweep did not succeed."""
