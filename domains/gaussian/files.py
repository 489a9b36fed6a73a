"""Points on disk, as the arrays that they are."""

from __future__ import annotations

from pathlib import Path

from domains.gaussian.model import Points
from loop.interfaces import Corrected
from loop.rundir.arrays import ArrayFile, CorrectedArrayFile


class SampleFiles:
    """Codec of what the models drew."""

    def save(self, value: Points, folder: Path) -> None:
        ArrayFile().save(value.values, folder)

    def load(self, folder: Path) -> Points:
        return Points(ArrayFile().load(folder))


class CorrectionFiles:
    """Codec of what the correction made of it."""

    def save(self, value: Corrected[Points], folder: Path) -> None:
        CorrectedArrayFile().save(Corrected(value.batch.values, value.report), folder)

    def load(self, folder: Path) -> Corrected[Points]:
        stored = CorrectedArrayFile().load(folder)
        return Corrected(Points(stored.batch), stored.report)
