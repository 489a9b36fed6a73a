"""Run one arm of the motion experiment: `python -m train.train_mdm_iterative_finetuning --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import tyro

from domains.motion.arguments import Arguments
from loop.cli import command
from train.published_flags import translate


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse a command line, published or ours, and make the arm.

    Args:
        arguments: words of the command line; default: those of this process.
    """
    with command():
        words = translate(sys.argv[1:] if arguments is None else arguments)
    if "--explain" in words:
        from domains.motion.deviations import explain

        sys.stdout.write(explain() + "\n")
        return
    options = tyro.cli(
        Arguments,
        prog="python -m train.train_mdm_iterative_finetuning",
        description=f"{Arguments.__doc__} What became of published options that are not listed "
        "here: `python -m train.published_flags`. In which points --faithful differs from the "
        "published code: --faithful --explain.",
        args=words,
        use_underscores=True,
    )
    with command(f"stopped; finished work is kept in {options.save_dir}, the same command goes on"):
        from domains.motion.arm import run  # torch: not for --help

        run(options)


if __name__ == "__main__":
    main()
