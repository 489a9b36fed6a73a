"""Several processes that make one arm: the first one keeps the run, the others compute along."""

from __future__ import annotations

from typing import Protocol


class DistributedContext(Protocol):
    """What a process knows of the others."""

    @property
    def leads(self) -> bool:
        """Whether this process writes the run directory and computes what one process computes."""
        ...

    def wait(self) -> None:
        """Return when every process has come here."""
        ...


class SingleProcess:
    """The only process of an arm."""

    leads = True

    def wait(self) -> None:
        """Return at once: there is nobody to wait for."""
