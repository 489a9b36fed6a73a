"""Graphs, tables, films and the report."""

import os

# Figures go to files: a backend in the user's shell, which may be unusable, must not matter. Only
# that of a notebook stays.
if not os.environ.get("MPLBACKEND", "").startswith("module://"):
    os.environ["MPLBACKEND"] = "agg"
