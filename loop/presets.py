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


def check_ranges(row: object, **ranges: tuple[float, float]) -> None:
    """Refuse numbers of a row outside their ranges: name -> least and greatest.

    None is in every range, and what is not a number in none.

    Raises:
        InvalidOptionError: names all that are outside.
    """
    values = {name: getattr(row, name) for name in ranges}
    outside = {
        name: value
        for name, value in values.items()
        if value is not None and not ranges[name][0] <= value <= ranges[name][1]
    }
    if outside:
        raise InvalidOptionError(
            "numbers are out of range",
            found=", ".join(f"{name} {value:g}" for name, value in outside.items()),
            expected=", ".join("{} from {:g} to {:g}".format(n, *ranges[n]) for n in outside),
        )


def with_changes(preset: Preset, **changes: Any) -> Preset:
    """Return a preset with some numbers replaced; None leaves a number as it is."""
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(preset, **given)  # type: ignore[type-var]
