"""Run the loop on any domain: `python -m scsc --domain examples.own_domain:mixture --folder out`.

Options after `--` go to the domain, as its constructor names them:
`python -m scsc --domain gaussian -- --dimension 3`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_type_hints

import numpy as np
import tyro
from tyro.conf import arg

from domains.registry import DOMAINS
from loop.arm import RESOLVED, run_loop
from loop.cli import command
from loop.interfaces import Domain
from loop.mixing import POLICIES
from loop.registry import Registry, construct
from loop.rundir.layout import ARGUMENTS
from loop.rundir.read import read_settings

CORRECTIONS = Registry("correction function", {})


@dataclass(frozen=True)
class Options:
    """Run one arm of a self-consuming loop, and print what is measured of every generation."""

    domain: Annotated[str, arg(help=DOMAINS.help())]
    folder: Path | None = None
    """keep the run here, and go on with it where it was; default: in memory"""
    generations: int = 8
    """last generation to make"""
    ratio: float = 1.0
    """lambda, synthetic samples over real ones; 0 is the baseline"""
    correction: Annotated[
        str, arg(help="domain: the domain's own; none; or module:Name for your own")
    ] = "domain"
    gamma: float = float("inf")
    """strength of the correction: a sample is replaced by its corrected version with probability
    gamma / (1 + gamma); inf: always"""
    mixing: Annotated[str, arg(help=POLICIES.help())] = "latest"
    start_weights: Literal["last", "scratch"] = "last"
    """fine-tune the last generation, or train every one as generation 0"""
    seed: int = 0
    """fixes everything"""


def run(options: Options, words: list[str]) -> None:
    """Build the domain and run the loop.

    Args:
        options: what to run.
        words: command line of the domain itself.

    Raises:
        ScscError: an unknown part, options that do not fit, another process on the folder.
    """
    domain = _build(options, words)
    if options.correction not in ("domain", "none"):
        own = CORRECTIONS.resolve(options.correction)
        part = construct(own, real=domain.real, seed=options.seed)
        domain = domain.with_parts(correction=part)
    shown: list[str] = []
    found = run_loop(
        domain,
        generations=options.generations,
        ratio=options.ratio,
        seed=options.seed,
        folder=options.folder,
        corrected=options.correction != "none",
        mixing=options.mixing,
        start_weights=options.start_weights,
        gamma=options.gamma,
        settings={"domain": options.domain, "options": words, "correction": options.correction},
    )
    for generation, metrics in enumerate(found):
        means = {name: np.mean(value) for name, value in metrics.items()}
        shown.append(f"{generation:3d}  " + "  ".join(f"{n} {v:.4g}" for n, v in means.items()))
    sys.stdout.write("\n".join(shown) + "\n")


def _build(options: Options, words: list[str]) -> Domain[Any]:
    target: Callable[..., Domain[Any]] = DOMAINS.resolve(options.domain)
    if isinstance(target, Domain):
        return cast(Domain[Any], target)
    for name, value in {"seed": options.seed, **_resolved(options.folder)}.items():
        known = name in inspect.signature(target).parameters
        if known and not any(word.partition("=")[0] == f"--{name}" for word in words):
            words = [*words, f"--{name}", str(value)]
    prog = f"python -m scsc --domain {options.domain} --"
    return tyro.cli(_as_function(target), args=words, prog=prog)


def _resolved(folder: Path | None) -> Mapping[str, str]:
    """Return the options that a run in `folder` resolved when it began.

    A probe may answer otherwise on another day or machine, and results would differ.
    """
    if folder is None or not (folder / ARGUMENTS).is_file():
        return {}
    return read_settings(folder).get(RESOLVED, {})


def _as_function(target: Callable[..., Domain[Any]]) -> Callable[..., Domain[Any]]:
    """Return a function with the parameters of `target`; tyro would take inherited fields."""

    def build(**values: Any) -> Domain[Any]:
        return target(**values)

    hints = get_type_hints(target.__init__ if isinstance(target, type) else target)
    build.__signature__ = inspect.signature(target)
    build.__annotations__ = {name: hint for name, hint in hints.items() if name != "return"}
    build.__doc__ = target.__doc__
    return build


def main() -> None:
    """Parse the command line and run."""
    words, own = sys.argv[1:], []
    if "--" in words:
        place = words.index("--")
        words, own = words[:place], words[place + 1 :]
    options = tyro.cli(Options, prog="python -m scsc", description=__doc__, args=words)
    with command("stopped; what is finished is kept where --folder was given"):
        run(options, own)


if __name__ == "__main__":
    main()
