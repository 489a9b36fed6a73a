from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset.humanml3d import Caption, MotionItem
from domains.motion.files import CorrectionFiles, MotionBatch, SampleFiles
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from loop.interfaces import Corrected


@pytest.fixture
def batch() -> MotionBatch:
    rng = np.random.default_rng(0)
    return MotionBatch(
        tuple(
            MotionItem(
                name,
                name,
                rng.normal(size=(8 + i, 263)).astype(np.float32),
                (Caption(f"schöne Bewegung {i}", ("move/VERB",)),),
            )
            for i, name in enumerate(["000004", "M000004", "000001"])
        )
    )


def same(first: MotionBatch, second: MotionBatch) -> bool:
    return len(first) == len(second) and all(
        a.id == b.id and a.captions == b.captions and np.array_equal(a.vectors, b.vectors)
        for a, b in zip(first.items, second.items, strict=True)
    )


def test_samples_come_back_in_order_under_published_names(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch, tmp_path)
    assert same(SampleFiles().load(tmp_path), batch)
    names = sorted(p.name for p in (tmp_path / "synthetic_motions").glob("*.npy"))
    assert names == ["000001-sampled.npy", "000004-sampled.npy", "M000004-sampled.npy"]


def test_corrections_come_back_without_the_dropped_ones(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch, tmp_path)
    kept = [
        MotionItem(item.id, item.name, item.vectors + 1, item.captions)
        for item in batch.take(slice(1, 3)).items
    ]
    corrected = Corrected(MotionBatch(tuple(kept)), {"Failed imitations_correction": 1.0})
    CorrectionFiles().save(corrected, tmp_path)
    loaded = CorrectionFiles().load(tmp_path)
    assert same(loaded.batch, corrected.batch) and loaded.report == corrected.report
    names = {p.name for p in (tmp_path / "synthetic_motions").glob("*imitated.npy")}
    assert names == {"M000004-sampled_and_imitated.npy", "000001-sampled_and_imitated.npy"}


def test_an_identity_correction_writes_no_second_copy(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch, tmp_path)
    CorrectionFiles().save(Corrected(batch), tmp_path)
    assert same(CorrectionFiles().load(tmp_path).batch, batch)
    assert not list(tmp_path.rglob("*imitated.npy"))


def test_motions_that_were_never_drawn_are_refused(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch.take(slice(0, 2)), tmp_path)
    with pytest.raises(CorruptFileError, match="never drawn"):
        CorrectionFiles().save(Corrected(batch), tmp_path)


def test_faults_name_the_file(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch, tmp_path)
    path = tmp_path / "synthetic_motions" / "000001-sampled.npy"
    broken = np.load(path)
    broken[3, 5] = np.nan
    np.save(path, broken)
    with pytest.raises(InvalidMotionError, match="000001-sampled"):
        SampleFiles().load(tmp_path)
    path.unlink()
    with pytest.raises(MissingAssetError, match="000001-sampled"):
        SampleFiles().load(tmp_path)


def test_rows_can_be_taken_by_slice_and_index(batch) -> None:
    assert [i.id for i in batch.take(np.array([2, 0])).items] == ["000001", "000004"]
    assert len(batch.take(slice(0, 0))) == 0


def test_a_filter_writes_no_second_copy(tmp_path: Path, batch) -> None:
    SampleFiles().save(batch, tmp_path)
    survivors = Corrected(batch.take(slice(1, 3)), {"Failed imitations_correction": 1.0})
    CorrectionFiles().save(survivors, tmp_path)
    assert not list(tmp_path.rglob("*_and_imitated.npy"))
    loaded = CorrectionFiles().load(tmp_path)
    assert same(loaded.batch, survivors.batch) and loaded.report == survivors.report
