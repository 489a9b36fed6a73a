"""The published name of a command: `python -m eval.eval_humanml --help`.

The protocol is `eval.protocol`. Drawing from a model belongs to the room above, so the command
itself is `train.eval_humanml`, and this file only starts it.
"""

from __future__ import annotations

import importlib

if __name__ == "__main__":
    importlib.import_module("train.eval_humanml").main()
