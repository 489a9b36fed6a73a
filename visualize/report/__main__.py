"""Write the report of a folder of runs: `python -m visualize.report RUNS`."""

import tyro

from visualize.report.build import main

if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.report")
