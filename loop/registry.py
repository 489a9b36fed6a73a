"""Parts of the loop by name: those that come along, and a user's own as `module:Name`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.errors import InvalidOptionError


@dataclass(frozen=True)
class Entry:
    """A registered part.

    Attributes:
        target: `module:attribute`, imported only when somebody asks for it.
        help: one line for `--help`.
    """

    target: str
    help: str


class Registry:
    """The parts of one kind, such as mixing policies.

    Args:
        kind: what an error calls them.
        entries: name -> part.
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind, self._entries = kind, dict(entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Registered names, in the order of the table."""
        return tuple(self._entries)

    def help(self) -> str:
        """Describe every registered part in a line, and how to name one's own."""
        lines = [f"{name}: {entry.help}" for name, entry in self._entries.items()]
        return "; ".join(lines) + "; or module:Name for your own"

    def check(self, name: str) -> str:
        """Return `name` if it is registered or has the form `module:Name`; imports nothing.

        Raises:
            InvalidOptionError: it is neither; the message lists what there is.
        """
        module, _, attribute = name.partition(":")
        if name not in self._entries and not (attribute and is_module_name(module)):
            listed = [f"\n    {known}: {entry.help}" for known, entry in self._entries.items()]
            raise InvalidOptionError(
                f"unknown {self.kind}",
                found=name,
                expected="".join(
                    [*listed, "\n    or module:Name, such as my_package.my_file:Mine"]
                ),
            )
        return name

    def resolve(self, name: str) -> Any:
        """Import the part of that name.

        Modules are looked up from the current folder too, as `python -m` does.

        Raises:
            InvalidOptionError: an unknown name, or a module or attribute that does not exist.
        """
        entry = self._entries.get(self.check(name))
        module, _, attribute = (entry.target if entry else name).partition(":")
        here = str(Path.cwd())
        if entry is None and not {"", here} & set(sys.path):
            sys.path.insert(0, here)
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not is_missing(module, error):
                raise  # an import inside that module failed: its own message says more
            raise InvalidOptionError(
                f"the module of this {self.kind} was not found",
                found=name,
                expected=f"a module {module}, importable from {here}",
                remedy="start from the folder that holds it, or put that folder on PYTHONPATH",
            ) from error
        try:
            return getattr(imported, attribute)
        except AttributeError as error:
            raise InvalidOptionError(
                f"the module {module} has no such {self.kind}", found=attribute
            ) from error


def is_module_name(name: str) -> bool:
    """Tell whether `name` can be imported as it is: not empty, and not relative as `.name` is."""
    return all(name.split("."))


def is_missing(module: str, error: ModuleNotFoundError) -> bool:
    """Tell whether an import failed for want of `module` or its package, not of one it imports."""
    return error.name is not None and f"{module}.".startswith(f"{error.name}.")


def construct(target: Callable[..., Any], **offers: Any) -> Any:
    """Call a class or function with those of `offers` that its signature names.

    So a user's class takes what it needs (`real`, `seed`, `workers`, ...) and need not know the
    rest. What is not callable, such as a ready-made object, is returned as it is.
    """
    if not callable(target):
        return target
    parameters = inspect.signature(target).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return target(**offers)
    named = {parameter.name for parameter in parameters}
    return target(**{name: value for name, value in offers.items() if name in named})
