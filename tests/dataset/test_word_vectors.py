from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.word_vectors import POS_TAGS, SPECIAL_TAGS, WordVectors, read_word_vectors
from loop.errors import CorruptFileError, InvalidCaptionError, MissingAssetError

WORDS = ["unk", "sos", "eos", "person", "walk", "left", "slowly", "window", "the"]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 300))


def write(folder: Path, **changes: Any) -> Path:
    """The published files: vectors in another order than the words."""
    order = list(reversed(range(len(WORDS))))
    content: dict[str, Any] = {
        "words": WORDS,
        "idx": {word: order[number] for number, word in enumerate(WORDS)},
        **changes,
    }
    np.save(folder / "our_vab_data.npy", content.pop("data", VECTORS[order]))
    for name, value in content.items():
        (folder / f"our_vab_{name}.pkl").write_bytes(pickle.dumps(value))
    return folder


def tag_names(tags: np.ndarray) -> list[str]:
    assert set(np.unique(tags)) == {0.0, 1.0} and (tags.sum(axis=1) == 1).all()
    return [POS_TAGS[column] for column in tags.argmax(axis=1)]


def test_words_get_their_vectors_and_tags(tmp_path: Path) -> None:
    words = read_word_vectors(write(tmp_path))
    tokens = ["the/DET", "person/NOUN", "walk/NOUN", "left/ADJ", "slowly/ADV", "ogle/VERB"]
    vectors, tags = words.encode(tokens)
    names = ["sos", "the", "person", "walk", "left", "slowly", "unk", "eos"]
    expected = [VECTORS[WORDS.index(name)] for name in names]
    np.testing.assert_array_equal(vectors, np.asarray(expected, np.float32))
    assert vectors.dtype == tags.dtype == np.float32
    assert tag_names(tags) == [
        *("OTHER", "DET", "NOUN", "Act_VIP", "Loc_VIP", "Desc_VIP", "OTHER", "OTHER")
    ]


def test_the_order_of_the_code_is_the_published_one() -> None:
    words = WordVectors(VECTORS, {word: row for row, word in enumerate(WORDS)})
    _, tags = words.encode(["the/DET", "person/PUNCT", "window/NOUN"])
    assert np.flatnonzero(tags).tolist() == [14, 15 + 2, 30 + 14, 45 + 11, 60 + 14]
    assert len(POS_TAGS) == 15 and len(SPECIAL_TAGS) == 12 + 13 + 10 + 34 + 12


def test_long_captions_are_cut_after_twenty_words() -> None:
    words = WordVectors(VECTORS, {word: row for row, word in enumerate(WORDS)})
    for count, length in ((0, 2), (19, 21), (20, 22), (50, 22)):
        vectors, tags = words.encode(["walk/VERB"] * count)
        assert vectors.shape == (length, 300) and tags.shape == (length, 15)
        np.testing.assert_array_equal(vectors[-1], VECTORS[2].astype(np.float32))


def test_a_token_without_a_tag_is_refused() -> None:
    words = WordVectors(VECTORS, {word: row for row, word in enumerate(WORDS)})
    with pytest.raises(InvalidCaptionError, match="walk"):
        words.encode(["walk"])


@pytest.mark.parametrize("name", ["data.npy", "words.pkl", "idx.pkl"])
def test_missing_and_truncated_files_are_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path) / f"our_vab_{name}"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptFileError) as caught:
        read_word_vectors(tmp_path)
    assert caught.value.path == path
    path.unlink()
    with pytest.raises(MissingAssetError, match=f"no our_vab_{name}"):
        read_word_vectors(tmp_path)


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code from the file ran",))


def test_no_code_from_a_pickle_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CorruptFileError, match=r"builtins\.print"):
        read_word_vectors(write(tmp_path, words=Harmful()))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"data": VECTORS[0]},
        {"data": np.full((9, 300), np.nan)},
        {"idx": dict.fromkeys(WORDS, 99)},
        {"idx": ["unk"]},
        {"idx": {"unk": "0"}},
        {"words": [*WORDS, "unheard"]},
        {"words": WORDS[1:]},
    ],
)
def test_content_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CorruptFileError):
        read_word_vectors(write(tmp_path, **changes))
