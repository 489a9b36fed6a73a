"""The CMU index: reading, leaving out by rule, and wording."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset.cmu_captions import CAPTION_COUNT, Take, captions_of, read_index, reason_to_exclude
from dataset.tagging import mirror_text
from loop.errors import CorruptFileError, MissingAssetError

INDEX = """**Carnegie-Mellon Graphics Lab Motion Capture Database**

Subject #1 (climb, swing, hang on playground equipment)

01_01  playground - forward jumps, turn around

Subject #7 (walk)

07_05  slow walk
07_13  Unknown

Subject #100
100_02\twalk/stride
"""


def test_index_format(tmp_path: Path) -> None:
    (tmp_path / "CMU-INDEX.txt").write_text(INDEX)
    takes = read_index(tmp_path / "CMU-INDEX.txt")
    assert list(takes) == ["01_01", "07_05", "07_13", "100_02"]
    assert takes["07_05"] == Take("07_05", 7, "walk", "slow walk")
    assert takes["100_02"] == Take("100_02", 100, "", "walk/stride")
    assert takes["07_13"].description == ""


def test_a_take_that_is_listed_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "i.txt").write_text("Subject #1 (walk)\n01_01\twalk\n01_01\twalk\n")
    assert read_index(tmp_path / "i.txt")["01_01"].description == "walk"
    assert not caplog.records
    (tmp_path / "i.txt").write_text("Subject #1 (walk)\n01_01\twalk\n01_01\tjump\n")
    assert read_index(tmp_path / "i.txt")["01_01"].description == "walk"
    assert "'walk' counts, not 'jump'" in caplog.text


def test_real_index(shared: Path) -> None:
    takes = read_index(shared / "data/cmu_bvh/CMU-INDEX.txt")
    assert len(takes) == 2435
    for take in takes.values():
        if not reason_to_exclude(take):
            texts = [caption.text for caption in captions_of(take.description)]
            assert len(set(texts)) == CAPTION_COUNT
            assert not any("#" in text or "  " in text for text in texts)


def test_missing_and_empty_index(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_index(tmp_path / "CMU-INDEX.txt")
    (tmp_path / "CMU-INDEX.txt").write_text("nothing\n")
    with pytest.raises(CorruptFileError):
        read_index(tmp_path / "CMU-INDEX.txt")


@pytest.mark.parametrize(
    ("title", "description", "left_out"),
    [
        ("walk", "walk", False),
        ("climb, swing, hang on playground equipment", "forward jumps", True),
        ("various", "climb 3 steps", True),
        ("various", "sit on high stool, stand up", True),
        ("walk on uneven terrain", "walk", True),
        ("walk", "", True),
        ("modern dance", "dance - sideways steps, pirouette", False),
        ("various", "swordplay", False),
        ("various", "situps", False),
    ],
)
def test_rules(title: str, description: str, left_out: bool) -> None:
    assert bool(reason_to_exclude(Take("02_01", 2, title, description))) == left_out


@pytest.mark.parametrize(
    ("description", "first", "second"),
    [
        ("walk", "a person walks", "someone is walking"),
        ("run/jog", "a person runs", "someone is running"),
        ("slow walk", "a person walks slowly", "someone is walking slowly"),
        ("forward jump", "a person jumps forward", "someone is jumping forward"),
        ("jump, balance", "a person jumps and balances", "someone is jumping and balancing"),
        (
            "unscrew bottlecap, drink soda",
            "a person unscrews a bottlecap and drinks a soda",
            "someone is unscrewing a bottlecap and drinking a soda",
        ),
        (
            "dance - jete, pirouette, turn",
            "a person dances, performs jete and pirouette and turns",
            "someone is dancing, performing jete and pirouette and turning",
        ),
    ],
)
def test_wording(description: str, first: str, second: str) -> None:
    texts = [caption.text for caption in captions_of(description)]
    assert texts[:2] == [first, second]
    assert all(caption.tokens for caption in captions_of(description))


def test_notes_are_no_captions(tmp_path: Path, shared: Path) -> None:
    """Case 02, and notes of the same kind."""
    notes = "90_10.amc|no movie|lost marker|movie and trial dont match|clean|take 2|180|?"
    notes += "|no movie available|(no description)|see 90_11|same as 04|needs cleaning|calibration"
    lines = ["Subject #1 (walk)"]
    lines += [f"01_{k:02d}  {note}" for k, note in enumerate(notes.split("|"), 1)]
    lines += [
        "02_01  LeftTightTurn \xa0 CleanedGRS",
        "02_02  Left_Blocks001",
        "02_03  clean window",
    ]
    path = tmp_path / "CMU-INDEX.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    takes = read_index(path)
    said = [take.name for take in takes.values() if reason_to_exclude(take) is None]
    assert said == ["02_01", "02_02", "02_03"]
    assert takes["02_01"].description == "left tight turn"
    assert takes["02_02"].description == "left blocks"
    real = read_index(shared / "cases" / "02-glued-side-words" / "in" / "CMU-INDEX.txt")
    for name, left in (("78_01", True), ("142_12", True), ("144_07", True), ("79_67", False)):
        assert (reason_to_exclude(real[name]) is None) == left
        for caption in captions_of(real[name].description) if left else ():
            assert "left" in caption.text and "right" in mirror_text(caption.text)
            assert "cleaned" not in caption.text


@pytest.mark.parametrize(
    ("description", "excluded"),
    [
        *(("hanging a picture", False), ("hang on ropes", True), ("change clothes", False)),
        *(("jump off ledge", True), ("forward ball walk", True), ("box jump", True)),
        *(("boxing", False), ("kick ball", False), ("step up on a box", True)),
        *(("balancing on beam", True), ("walk on toes", False), ("wipe a table", False)),
    ],
)
def test_what_is_not_there_cannot_be_stood_on(description: str, excluded: bool) -> None:
    assert (reason_to_exclude(Take("01_01", 1, "", description)) is not None) == excluded
