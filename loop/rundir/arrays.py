"""Synthetic sets that are plain arrays, kept in the folder of a generation.

<generation>/synthetic.npy    (count, ...) what the model before it drew
<generation>/corrected.npy    the same after the correction; absent where it left all as it was
<generation>/correction.json  what the correction did, in numbers
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from loop.errors import CorruptFileError, MissingAssetError
from loop.interfaces import BatchT, Corrected, Domain, LargeFiles
from loop.rundir.files import read_json, write_json

SYNTHETIC, CORRECTED, REPORT = "synthetic.npy", "corrected.npy", "correction.json"


def with_array_codecs(domain: Domain[BatchT]) -> Domain[BatchT]:
    """Return the domain, with codecs for its synthetic sets where its batches are numpy arrays."""
    if domain.samples is not None or not isinstance(domain.real, np.ndarray):
        return domain
    large = domain.large
    if not large.samples:
        large = LargeFiles(large.training, large.models, (SYNTHETIC, CORRECTED), large.first)
    samples: Any = ArrayFile()
    corrections: Any = CorrectedArrayFile()
    return domain.with_parts(samples=samples, corrections=corrections, large=large)


class ArrayFile:
    """Codec of what the generator drew."""

    def save(self, value: np.ndarray, folder: Path) -> None:
        """Write the array as .npy."""
        np.save(folder / SYNTHETIC, value, allow_pickle=False)

    def load(self, folder: Path) -> np.ndarray:
        """Read it back. Raises MissingAssetError, CorruptFileError."""
        return _read(folder / SYNTHETIC)


class CorrectedArrayFile:
    """Codec of what the correction made of it."""

    def save(self, value: Corrected[np.ndarray], folder: Path) -> None:
        """Write the array, unless nothing changed, and the report."""
        changed = not np.array_equal(value.batch, _read(folder / SYNTHETIC))
        if changed:
            np.save(folder / CORRECTED, value.batch, allow_pickle=False)
        write_json(folder / REPORT, {"changed": changed, "report": dict(value.report)})

    def load(self, folder: Path) -> Corrected[np.ndarray]:
        """Read both back. Raises MissingAssetError, CorruptFileError."""
        stored = read_json(folder / REPORT)
        batch = _read(folder / (CORRECTED if stored["changed"] else SYNTHETIC))
        return Corrected(batch, stored["report"])


def _read(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise MissingAssetError("samples are missing", path=path) from error
    except (ValueError, EOFError, OSError) as error:
        raise CorruptFileError("samples cannot be read", path=path, found=error) from error
