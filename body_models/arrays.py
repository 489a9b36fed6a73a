"""The type of nearly all arrays of geometry and physics."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
"""Of any shape; the docstrings tell which."""
