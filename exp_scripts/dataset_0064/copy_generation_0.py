"""Copy generation 0 of 0064 to every arm; see ../copy_generation_0.py."""

import runpy
import sys
from pathlib import Path

sys.argv.insert(1, "0064")
runpy.run_path(str(Path(__file__).parents[1] / "copy_generation_0.py"), run_name="__main__")
