"""Tiny datasets in the exact published format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import dataset.cmu_takes

Write = Callable[..., Path]


@pytest.fixture
def each_take_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several datasets of one test share what takes most of their time and has its own tests."""
    monkeypatch.setattr(dataset.cmu_takes, "read_take", cache(dataset.cmu_takes.read_take))


@pytest.fixture
def tiny(tmp_path: Path) -> Write:
    """Write a dataset by hand: tiny({id: frames}, {id: caption file text}) -> its folder."""

    def write(frames: Mapping[str, int], texts: Mapping[str, str], split: str = "train") -> Path:
        root = tmp_path / "tiny"
        for name in ("new_joint_vecs", "texts"):
            (root / name).mkdir(parents=True)
        for number, (clip, count) in enumerate(frames.items()):
            rng = np.random.default_rng([7, number])
            vectors = rng.normal(size=(count, 263)).astype(np.float32)
            for name in ("new_joint_vecs", "texts"):  # ids may hold folders
                (root / name / clip).parent.mkdir(parents=True, exist_ok=True)
            np.save(root / "new_joint_vecs" / f"{clip}.npy", vectors)
        for clip, text in texts.items():
            (root / "texts" / f"{clip}.txt").write_text(text, encoding="utf-8")
        (root / f"{split}.txt").write_text("".join(f"{clip}\n" for clip in frames))
        np.save(root / "Mean.npy", np.linspace(-1, 1, 263, dtype=np.float32))
        np.save(root / "Std.npy", np.linspace(0.5, 2, 263, dtype=np.float32))
        return root

    return write
