"""Tables of presets: their rows by name, and with changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from loop.errors import InvalidOptionError

Preset = TypeVar("Preset")


class Presets(dict[str, Preset]):
    """Name -> row of one table."""

    def named(self, name: str, what: str = "preset") -> Preset:
        """Look a preset up by name; `what` is how an error calls it.

        Raises:
            InvalidOptionError: there is no preset of that name.
        """
        if name not in self:
            raise InvalidOptionError(f"unknown {what}", found=name, expected=" | ".join(self))
        return self[name]


def with_changes(preset: Preset, **changes: Any) -> Preset:
    """Return a preset with some numbers replaced; None leaves a number as it is."""
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(preset, **given)  # type: ignore[type-var]
