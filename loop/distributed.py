"""Processes that make one arm together: the first one keeps the run, the others follow it."""

from __future__ import annotations

from typing import Protocol


class Team(Protocol):
    """What a process knows of the others."""

    @property
    def leads(self) -> bool:
        """Whether this process writes the run directory and computes what one process computes."""
        ...

    def wait(self) -> None:
        """Return when every process has come here."""
        ...


class Alone:
    """A single process."""

    leads = True

    def wait(self) -> None:
        """Nobody to wait for."""
