"""The words for left and right in captions: find them, also inside others, and swap them."""

from __future__ import annotations

import re
from collections.abc import Collection

_PART = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+"
_SIDE = re.compile(r"left|right", re.IGNORECASE)
_BODY = (
    "s ward wards wardly most y ie ies hand hands handed hander foot feet footed leg legs legged "
    "arm arms side sided ear eye knee knees shoulder elbow hip hips toe heel thigh wrist"
)
_SUFFIXES = frozenset(_BODY.split())
"""What may follow a side, glued or apart, and leaves it one: leftward, righty, left knee."""
_NO_SIDE_BEFORE = {
    "right": "all up down out bolt",
    "left": "is are was were has have had he she they who that person man woman people",
}
_NO_SIDE_AFTER = {
    "right": "away now angle angles angled after before there here next way up down in ahead "
    "through back",
    "left": "the his her their its my our it him them over behind alone off",
}
"""Words around one that is no side: all right, right away, left the room."""
_NAMED = frozenset(["a", "an", "the", "his", "her", "its", "their", "my", "your", "our"])
_STILL_NO_SIDE = frozenset(["angle", "angles", "angled", "way"])
"""A side behind an article stays one before all other words: to the right before stopping."""
_ENDING = r"(?:[a-z]?(?:s|es|ed|ing|e))?"
_TURNS = re.compile(
    r"(?:side-?step|turn|veer|lean|look|glanc|fac|pivot|rotat|spin|curv|bend|twist|swerv)"
    + _ENDING,
    re.IGNORECASE,
)
_MOVES = re.compile(
    r"(?:mov|step|swing|walk|go|run|jump|hop|shift|point|reach|kick|punch)" + _ENDING, re.IGNORECASE
)
"""Behind such words left is a direction: looks left over the shoulder, walks left the whole time.
Right is one before a time behind the former alone: turns right after a while."""
_HYPHENS = r"\-\u00ad\u2010-\u2015"
_TURN = re.compile(
    rf"(?<![a-z])(?:(counter|anti|contra)[\s{_HYPHENS}]*)?(clock[\s{_HYPHENS}]?wise)(?![a-z])"
    r"|(?<![a-z])(c?cw)(?![a-z])",
    re.IGNORECASE,
)
_PARTS = (
    r"(?:hand|foot|leg|arm|side|ear|eye|knee|shoulder|elbow|hip|toe|heel|thigh|wrist)s?(?![a-z])"
)
_LETTER = re.compile(
    rf"(?<![A-Za-z'])[LRlr](?=[\s_.-]*{_PARTS}|/[LR](?![A-Za-z]))|(?<=\b[LR]/)[LR]\b", re.I
)
"""A side by its letter: L foot, RHand, r_arm, L/R."""


def spelled_out(text: str) -> str:
    """Part words that are glued together: Left_Blocks001 and LeftBlocks become left blocks.

    Text of whole words stays as it is, but for its capitals.
    """
    parts = [
        " ".join(re.findall(_PART, word)) if re.search(r"_|[a-z][A-Z]", word) else word
        for word in re.sub(r"(?<=[A-Za-z])00\d\b", "", text).split()
    ]
    words = re.sub(r"\b(up) right\b", r"\1right", " ".join(parts).lower())
    return re.sub(r"\s+", " ", words).strip()


def mirror_sides(text: str, vocabulary: Collection[str] = ()) -> str:
    """Word a text for the mirrored motion: left and right, and the two senses of rotation, swap.

    Args:
        text: any capitals.
        vocabulary: words, in lower case, that may be glued to a side (painfulleftknee).
    """
    swapped = _SIDE.sub(lambda match: _other(match, vocabulary), text)
    swapped = _LETTER.sub(
        lambda match: _like("rl"["lr".index(match[0].lower())], match[0]), swapped
    )
    return re.sub(r"\b([Aa])n (?=clockwise)", r"\1 ", _TURN.sub(_other_turn, swapped))


def _like(word: str, pattern: str) -> str:
    """Give a word the capitals of another."""
    if len(pattern) > 1 and pattern.isupper():
        return word.upper()
    return word.capitalize() if pattern[0].isupper() else word


def _other_turn(match: re.Match[str]) -> str:
    if match[3]:
        return _like("cw" if match[3].lower() == "ccw" else "ccw", match[3])
    return _like("clockwise" if match[1] else "counterclockwise", match[0])


def _other(match: re.Match[str], vocabulary: Collection[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    before = re.search(r"[A-Za-z]*$", text[:start])
    after = re.match(r"'?([A-Za-z]*)", text[end:])
    assert before is not None and after is not None
    swapped = "right" if match[0].lower() == "left" else "left"
    if not _is_side(match[0], before[0], after[1], vocabulary):
        return match[0]
    preceding = re.findall(_PART, text[: start if before[0] else before.start()])
    following = re.findall(_PART, text[end + (after.end() if after[1] in _SUFFIXES else 0) :])
    side = match[0].lower()
    new_clause = re.search(r"[,.;-]\s*$", text[:start]), re.match(r"\s*[,.;]", text[end:])
    body_part = text[end : end + 1] == "-" or (following and following[0].lower() in _SUFFIXES)
    said_of_all = preceding and preceding[-1].lower() in _NO_SIDE_BEFORE[side].split()
    if said_of_all and not new_clause[0] and not body_part:
        return match[0]
    last = preceding[-1].lower() if preceding else ""
    if following and not new_clause[1] and _no_side(side, last, following[0].lower()):
        return match[0]
    return _like(swapped, match[0])


def _no_side(side: str, before: str, after: str) -> bool:
    """Whether the word after a side makes it none, given the word before it."""
    if before in _NAMED:
        return after in _STILL_NO_SIDE
    if side == "left" and (_TURNS.fullmatch(before) or _MOVES.fullmatch(before)):
        return False
    if side == "right" and _TURNS.fullmatch(before) and after in ("after", "before"):
        return False
    return after in _NO_SIDE_AFTER[side].split()


def _is_side(side: str, before: str, after: str, vocabulary: Collection[str]) -> bool:
    """Tell if letters around a side leave it one: nothing, a suffix, a capital, or known words."""
    capital = side[0].isupper() and not side.isupper()
    starts = not before or (capital and before[-1].islower())
    ends = not after or after.lower() in _SUFFIXES or (after[0].isupper() and not side.isupper())
    if starts and ends:
        return True
    known = (not before or _known(before.lower(), vocabulary)) and (
        not after or after.lower() in _SUFFIXES or _known(after.lower(), vocabulary)
    )
    return known and before.lower() not in ("up", "out", "down", "forth")


def _known(letters: str, vocabulary: Collection[str]) -> bool:
    """Tell whether letters are words of the vocabulary, of three or more, one after another."""
    return letters in vocabulary or any(
        letters[:cut] in vocabulary and _known(letters[cut:], vocabulary)
        for cut in range(3, len(letters) - 2)
    )
