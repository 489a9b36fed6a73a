"""Read NumPy's `.npy` data without running code, arrays of objects included."""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from body_models.restricted_pickle import Unpickler


def read_npy(file: IO[bytes]) -> NDArray[Any]:
    """Read one array; objects in it are numbers, text, arrays and containers.

    Raises:
        ValueError, EOFError, pickle.UnpicklingError and what else `body_models.damage` lists: it is
            damaged, or asks for something that is not data.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    data = file.read()
    if dtype.hasobject:
        array = np.asarray(Unpickler(io.BytesIO(data), encoding="latin1").load(), dtype=object)
        if array.shape != shape:
            raise ValueError(f"objects of shape {array.shape} where the header says {shape}")
        return array
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
