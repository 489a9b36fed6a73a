"""Tiny datasets in the exact published format, and the built demo dataset."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from dataset.demo_clips import build

Write = Callable[..., Path]


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
            np.save(root / "new_joint_vecs" / f"{clip}.npy", vectors)
        for clip, text in texts.items():
            (root / "texts" / f"{clip}.txt").write_text(text, encoding="utf-8")
        (root / f"{split}.txt").write_text("".join(f"{clip}\n" for clip in frames))
        np.save(root / "Mean.npy", np.linspace(-1, 1, 263, dtype=np.float32))
        np.save(root / "Std.npy", np.linspace(0.5, 2, 263, dtype=np.float32))
        return root

    return write


@pytest.fixture(scope="session")
def demo(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset, built from the real text files."""
    out = tmp_path_factory.mktemp("built") / "demo"
    shutil.copytree(deepmimic_source, out / "source")
    (out / "dataset.json").write_text("{}")  # as if an interrupted build had left it
    build(out)
    return out
