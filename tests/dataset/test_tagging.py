"""Tokens and mirrored wording of our own captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.demo_captions import CAPTIONS, CLIPS
from dataset.tagging import mirror_text, tag

# the tags that the published text evaluator knows (protocol, section 4.4), without word-list ones
POS = {"VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV", "OTHER"}


def test_tokens_are_lemmas_with_tags() -> None:
    assert tag("A person walks forward, slowly.").tokens == (
        "a/DET",
        "person/NOUN",
        "walk/VERB",
        "forward/ADV",
        "slowly/ADV",
    )


def test_unknown_words_keep_their_form() -> None:
    assert tag("quux").tokens == ("quux/OTHER",)


def test_every_demo_caption_is_tagged_and_fits() -> None:
    for text in (text for texts in CAPTIONS.values() for text in texts):
        tokens = tag(text).tokens
        assert all(token.split("/")[1] in POS for token in tokens)
        assert not [token for token in tokens if token.endswith("/OTHER")], text
        assert "#" not in text
        assert len(tokens) <= 20  # the published text length


def test_each_clip_has_several_phrasings() -> None:
    assert len(CLIPS) == 20
    assert all(len(set(CAPTIONS[clip.action])) >= 4 for clip in CLIPS)


def test_sides_swap() -> None:
    assert mirror_text("turns left with the right foot") == "turns right with the left foot"
    assert mirror_text("walks clockwise") == "walks counterclockwise"
    assert mirror_text("upright and leftover") == "upright and leftover"


@given(st.lists(st.sampled_from(["left", "right", "clockwise", "counterclockwise", "brightly"])))
def test_mirroring_twice_changes_nothing(words: list[str]) -> None:
    text = " ".join(words)
    assert mirror_text(mirror_text(text)) == text


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("Left_Blocks", "Right_Blocks"),
        ("LeftTightTurn", "RightTightTurn"),
        ("FeintLeftMoveRight", "FeintRightMoveLeft"),
        ("Painfulleftknee", "Painfulrightknee"),
        ("turns counter-clockwise", "turns clockwise"),
        ("an anticlockwise circle", "a clockwise circle"),
        ("Clockwise, then ccw", "Counterclockwise, then cw"),
        ("steps leftward, LEFT foot first", "steps rightward, RIGHT foot first"),
        ("a lefty, not right-handed", "a righty, not left-handed"),
        ("the left's turn", "the right's turn"),
        ("hops on the L foot, RHand up", "hops on the R foot, LHand up"),
        ("r_arm circles, L/R", "l_arm circles, R/L"),
        ("they left-turn counterclock-wise", "they right-turn clockwise"),
        ("moves left a bit", "moves right a bit"),
        ("looks left over his shoulder", "looks right over his shoulder"),
        ("walks to the right before stopping", "walks to the left before stopping"),
        ("lifts the left over the right", "lifts the right over the left"),
        ("turned right after a while", "turned left after a while"),
        ("counter\u2010clockwise, then clock wise", "clockwise, then counterclockwise"),
        ("anti\u2011clockwise", "clockwise"),
        ("the person left arm rises", "the person right arm rises"),
        ("step right then left", "step left then right"),
    ],
)
def test_sides_swap_wherever_they_hide(text: str, mirrored: str) -> None:
    assert mirror_text(text) == mirrored


@pytest.mark.parametrize(
    "text",
    [
        *("right away", "all right", "ALRIGHT", "she left the room", "RightAngleTurns", "upright"),
        *("UpRightSequence", "a right angle", "brightly", "leftovers", "copyright", "he left"),
        *("stands right up", "cleft", "the man left", "walks right through it", "goes right ahead"),
        *("runs right back", "a person that left", "the runner left the track", "the right way"),
        *("vitamin R", "L-shaped path", "car side", "the actor's hand", "or foot"),
    ],
)
def test_words_that_are_no_side_stay(text: str) -> None:
    assert mirror_text(text) == text
