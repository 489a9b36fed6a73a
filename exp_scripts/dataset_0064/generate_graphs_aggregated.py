"""The published figure of three seeds of 0064; see ../generate_graphs.py, which does any others."""

import runpy
import sys
from pathlib import Path

sys.argv[1:] = ["0064", *(sys.argv[1:] or ["--seeds", "10", "42", "47"])]
runpy.run_path(str(Path(__file__).parents[1] / "generate_graphs.py"), run_name="__main__")
