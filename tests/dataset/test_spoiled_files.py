"""Whatever bytes a file of the user holds, reading it ends well or in one of our errors."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.humanml3d import read_motion
from dataset.humanml3d_index import read_index
from dataset.word_vectors import read_word_vectors
from loop.errors import ScscError


def motion(folder: Path) -> Path:
    np.save(folder / "000000.npy", np.ones((3, 263), np.float32))
    return folder / "000000.npy"


def index(folder: Path) -> Path:
    path = folder / "index.csv"
    path.write_text("source_path,start_frame,end_frame,new_name\n./a/b.npy,0,117,000000.npy\n")
    return path


def glove(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        words = ["unk", "sos", "eos"]
        np.save(folder / "our_vab_data.npy", np.zeros((3, 300)))
        (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(words))
        rows = {word: row for row, word in enumerate(words)}
        (folder / "our_vab_idx.pkl").write_bytes(pickle.dumps(rows))
        return folder / f"our_vab_{name}"

    return make


READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any]]] = {
    "motion": (motion, read_motion),
    "index": (index, read_index),
    "vectors": (glove("data.npy"), lambda path: read_word_vectors(path.parent)),
    "words": (glove("words.pkl"), lambda path: read_word_vectors(path.parent)),
    "rows": (glove("idx.pkl"), lambda path: read_word_vectors(path.parent)),
}


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_spoiled_bytes(kind: str, data: st.DataObject, tmp_path_factory) -> None:
    make, read = READERS[kind]
    path = make(tmp_path_factory.mktemp("spoiled"))
    read(path)  # whole, it reads
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw), 700) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        read(path)
    except ScscError as error:
        assert error.path is not None
