"""The published loader semantics on files in the published format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.humanml3d import load_split, published_prompts, read_ids, read_motion, read_statistics
from loop.errors import (
    CorruptFileError,
    InvalidCaptionError,
    InvalidMotionError,
    MissingAssetError,
    ScscError,
)

WHOLE = "a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\n"


def segment(start: float, end: float, text: str = "he turns") -> str:
    return f"{text}#he/PRON turn/VERB#{start}#{end}\n"


def test_whole_clip_with_all_its_captions(tiny) -> None:
    root = tiny({"000001": 60}, {"000001": WHOLE + WHOLE.replace("man", "woman")})
    (item,) = load_split(root, "train").items
    assert (item.id, item.name) == ("000001", "000001")
    assert [caption.text for caption in item.captions] == ["a man walks", "a woman walks"]
    expected = np.load(root / "new_joint_vecs/000001.npy")
    np.testing.assert_array_equal(item.vectors, expected)
    assert item.vectors.dtype == np.float32


def test_segments_become_items_and_lose_nobody(tiny) -> None:
    """The published loader overwrites its name variable here (bug 14): the second segment got a
    nested hash and the whole clip replaced the first segment."""
    lines = segment(1.0, 3.99) + segment(2.5, 5.0, "he jumps") + WHOLE
    root = tiny({"M000001": 120}, {"M000001": lines})
    first, second, whole = load_split(root, "train").items
    vectors = np.load(root / "new_joint_vecs/M000001.npy")
    np.testing.assert_array_equal(first.vectors, vectors[20:79])
    np.testing.assert_array_equal(second.vectors, vectors[50:100])
    np.testing.assert_array_equal(whole.vectors, vectors)
    digest = hashlib.md5(b"1.0_3.99_M000001_he turns").hexdigest()
    assert first.name == f"{digest}_M000001"
    digest = hashlib.md5(b"2.5_5.0_M000001_he jumps").hexdigest()
    assert second.name == f"{digest}_M000001"
    assert {item.id for item in (first, second, whole)} == {"M000001"}


def test_length_window_is_40_to_199(tiny) -> None:
    frames = {"39": 39, "40": 40, "199": 199, "200": 200}
    root = tiny(frames, dict.fromkeys(frames, WHOLE))
    assert [item.id for item in load_split(root, "train").items] == ["40", "199"]


def test_short_segments_and_segments_of_long_clips_are_left_out(tiny) -> None:
    root = tiny(
        {"short": 100, "long": 250},
        {"short": segment(0.0, 1.99) + WHOLE, "long": segment(1.0, 5.0)},
    )
    assert [item.name for item in load_split(root, "train").items] == ["short"]


def test_no_usable_item(tiny) -> None:
    root = tiny({"000001": 10}, {"000001": WHOLE})
    with pytest.raises(InvalidMotionError, match="usable length"):
        load_split(root, "train")


def test_listed_but_missing_motion(tiny) -> None:
    root = tiny({"000001": 60, "000002": 60}, dict.fromkeys(("000001", "000002"), WHOLE))
    (root / "new_joint_vecs/000002.npy").unlink()
    with pytest.raises(MissingAssetError, match=r"000002\.npy"):
        load_split(root, "train")


def test_missing_caption_file(tiny) -> None:
    root = tiny({"000001": 60}, {})
    with pytest.raises(InvalidCaptionError, match=r"000001\.txt"):
        load_split(root, "train")


def test_missing_split_and_missing_folder(tiny, tmp_path: Path) -> None:
    root = tiny({"000001": 60}, {"000001": WHOLE})
    with pytest.raises(MissingAssetError, match=r"val\.txt"):
        load_split(root, "val")
    with pytest.raises(MissingAssetError):
        load_split(tmp_path / "nowhere", "train")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (np.zeros((50, 262), np.float32), InvalidMotionError),
        (np.zeros(263, np.float32), InvalidMotionError),
        (np.zeros((0, 263), np.float32), InvalidMotionError),
        (np.full((50, 263), np.nan, np.float32), InvalidMotionError),
        (np.full((50, 263), np.inf), InvalidMotionError),
        (np.array([["text"] * 263]), CorruptFileError),
        (np.array([{"a": 1}], dtype=object), CorruptFileError),
    ],
)
def test_bad_motion_arrays(tmp_path: Path, content: np.ndarray, error: type[ScscError]) -> None:
    path = tmp_path / "000001.npy"
    np.save(path, content)
    with pytest.raises(error, match=r"000001\.npy"):
        read_motion(path)


def test_nan_message_names_the_first_bad_frame(tmp_path: Path) -> None:
    vectors = np.zeros((50, 263), np.float32)
    vectors[[17, 30], 5] = np.nan
    np.save(tmp_path / "a.npy", vectors)
    with pytest.raises(InvalidMotionError, match="2 bad frames, the first is 17"):
        read_motion(tmp_path / "a.npy")


@pytest.mark.parametrize("keep", [0, 10, 100, 5000])
def test_truncated_motion_file(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "000001.npy"
    np.save(path, np.zeros((50, 263), np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorruptFileError, match=r"000001\.npy"):
        read_motion(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Mean", np.zeros(262)),
        ("Std", np.full(263, np.nan)),
        ("Std", np.zeros(263)),
        ("Std", np.r_[np.ones(262), -1]),
    ],
)
def test_bad_statistics(tiny, name: str, value: np.ndarray) -> None:
    root = tiny({"000001": 60}, {"000001": WHOLE})
    np.save(root / f"{name}.npy", value)
    with pytest.raises(InvalidMotionError, match=name):
        read_statistics(root)


def test_first_caption_is_the_first_line_even_of_a_segment(tiny) -> None:
    root = tiny({"000001": 60}, {"000001": segment(1.0, 2.0) + WHOLE})
    assert published_prompts(load_split(root, "train"))[0].caption.text == "he turns"


def test_real_humanml3d_clip(shared: Path, tiny) -> None:
    sample = shared / "data/humanml3d_sample"
    root = tiny({}, {"012314": WHOLE + segment(0.5, 4.5)})
    (root / "train.txt").write_text("012314\n")
    for name in ("new_joint_vecs/012314.npy", "Mean.npy", "Std.npy"):
        (root / name).write_bytes((sample / name).read_bytes())
    loaded = load_split(root, "train")
    assert [len(item.vectors) for item in loaded.items] == [80, 170]
    np.testing.assert_array_equal(loaded.std, np.load(sample / "Std.npy"))
    assert read_ids(sample, "train")[:2] == ["000001", "000002"]


def test_damaged_clips_are_skipped_only_when_asked_and_said_aloud(tiny, caplog) -> None:
    ids = ("000001", "000002", "000003", "000004")
    root = tiny(dict.fromkeys(ids, 60), {**dict.fromkeys(ids, WHOLE), "000003": "no fields\n"})
    (root / "new_joint_vecs/000002.npy").write_bytes(b"")
    (root / "new_joint_vecs/000004.npy").unlink()
    with pytest.raises(ScscError):
        load_split(root, "train")
    loaded = load_split(root, "train", skip_damaged=True)
    assert [item.id for item in loaded.items] == ["000001"]
    assert "3 clips skipped: 000002 000003 000004" in caplog.text
    with pytest.raises(InvalidMotionError, match="usable length"):
        (root / "new_joint_vecs/000001.npy").unlink()
        load_split(root, "train", skip_damaged=True)


def test_lists_of_any_system_read_alike(tiny) -> None:
    root = tiny({"000001": 60, "M000001": 60}, dict.fromkeys(("000001", "M000001"), WHOLE))
    for text in ("000001\r\nM000001\r\n", "\ufeff000001  \n\n \tM000001", "000001\rM000001\n\n\n"):
        (root / "train.txt").write_bytes(text.encode())
        assert read_ids(root, "train") == ["000001", "M000001"]
        assert len(load_split(root, "train").items) == 2


seconds = st.one_of(
    st.floats(0, 12).map(lambda t: round(t, 2)), st.sampled_from([float("nan"), 0.0, 9.95])
)


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 230), spans=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=5)
)
def test_any_segments_give_what_the_rule_says(
    frames: int, spans: list[tuple[float, float]], tmp_path_factory
) -> None:
    root = tmp_path_factory.mktemp("any")
    for name in ("new_joint_vecs", "texts"):
        (root / name).mkdir()
    vectors = np.arange(frames, dtype=np.float32)[:, None] * np.ones(263, np.float32)
    np.save(root / "new_joint_vecs/000001.npy", vectors)
    np.save(root / "Mean.npy", np.zeros(263))
    np.save(root / "Std.npy", np.ones(263))
    (root / "train.txt").write_text("000001\n")
    lines = [segment(start, end, f"he does {k}") for k, (start, end) in enumerate(spans)]
    (root / "texts/000001.txt").write_text("".join(lines))
    expected: dict[str, list[float]] = {}  # caption: its frames, by the published rule
    for k, (start, end) in enumerate(spans):
        start, end = (0.0 if t != t else t for t in (start, end))
        cut = vectors if start == end == 0 else vectors[int(start * 20) : int(end * 20)]
        if 40 <= frames < 200 and 40 <= len(cut) < 200:
            expected[f"he does {k}"] = cut[:, 0].tolist()
    try:
        items = load_split(root, "train").items
    except InvalidMotionError as error:
        assert "usable length" in str(error) and not expected
        return
    found = {c.text: item.vectors[:, 0].tolist() for item in items for c in item.captions}
    assert found == expected
    assert len({item.name for item in items}) == len(items)
