"""What the CMU index says about its takes, as captions in the HumanML3D style.

The index names a take in keywords ("dance - rond de jambe in the air, jete, turn"). Rules turn each
keyword into a verb phrase, templates put several subjects in front of them. Other rules say which
takes a flat, empty floor cannot support.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataset.captions import Caption
from dataset.sides import spelled_out
from dataset.tagging import tag
from loop.errors import CorruptFileError
from loop.text import read_lines

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Take:
    """One line of the index.

    Attributes:
        name: SUBJECT_TAKE, as the files are called (`13_29`).
        subject: number of the subject.
        title: what the index says about the subject.
        description: what it says about the take; empty when unknown.
    """

    name: str
    subject: int
    title: str
    description: str


EXCLUSIONS: tuple[tuple[str, str], ...] = (
    (
        r"playground|climb|ladder|stairs|\bhang(s|ing)?\b(?! (a )?(picture|coat|up))|monkey bar"
        r"|\bledge\b|box jump|\bball walk"
        r"|\b(on|onto|off)( of)?( an?| the)? (box|beam|crate|platform|rail|wall|table)\b",
        "climbs on something that is not there",
    ),
    (r"uneven terrain|slope|hill|obstacle|trampoline", "the ground is not flat"),
    (r"\bsit\b|sitting|stool|chair|bench|seat|sofa|\bbed\b", "sits on something that is not there"),
    (r"motorcycle|bicycle|skateboard|\bcar\b|swimming|wheelchair", "is carried by something"),
    (r"subject [ab]\b|two subjects|2 subjects|interaction|partner", "leans on another person"),
)
"""Pattern of the description or the subject's title, and the reason why such a take is left out."""

_FILE_NAME = re.compile(r"\S+\.(amc|asf|bvh|c3d|mpe?g|avi|mov|v|txt)", re.IGNORECASE)
_NOTE = re.compile(r"[\s(-]*\bclean(ed)?\s*(grs)?\b\)?(?!\s*\w)", re.IGNORECASE)
"""What the index says about the making of a take, at the end of its description."""
_NO_ACTION = re.compile(
    r"\W*(no|missing|bad|lost|wrong)\s+(movie|video|data|markers?|trial|capture|take|description)"
    r"(\s+(available|found|file|yet))?\W*|needs?\s+\w+"
    r"|(see|same as|cf\.?)\s+\W*[\d_]+\W*|calibration"
    r"|.*\b(movie|video|trial)\b.*\b(match|missing|wrong)\b.*|unknown|untitled|n/?a|tb[ad]|to ?do"
    r"|(take|trial|test|motion|untitled)?[\W\d_]*",
    re.IGNORECASE,
)
"""Descriptions that are notes and say nothing of what happens."""

_SUBJECTS = ("a person", "someone", "a man", "the person")
CAPTION_COUNT = len(_SUBJECTS)

_LINE = re.compile(r"^(\d+)_(\d+)\s+(\S.*)$")
_TITLE = re.compile(r"^Subject #(\d+)\s*(?:\((.*)\))?\s*$")


def read_index(path: Path | str) -> dict[str, Take]:
    """Read the takes of `CMU-INDEX.txt` by name.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it lists no take.
    """
    titles: dict[int, str] = {}
    takes: dict[str, Take] = {}
    remedy = "put CMU-INDEX.txt beside the takes; bash prepare/download_cmu.sh fetches it, too"
    for line in read_lines(path, "index of the CMU takes", remedy):
        if match := _TITLE.match(line):
            titles[int(match[1])] = (match[2] or "").strip()
        elif match := _LINE.match(line):
            name, subject = f"{match[1]}_{match[2]}", int(match[1])
            take = Take(name, subject, titles.get(subject, ""), _description(match[3]))
            if takes.setdefault(name, take).description != take.description:
                said = "%s lists %s twice: %r counts, not %r"
                logger.warning(said, path, name, takes[name].description, take.description)
    if not takes:
        raise CorruptFileError(
            "The index lists no take.", path=path, expected="lines such as `02_01  walk`"
        )
    return takes


def _description(text: str) -> str:
    """Say what a take shows: notes are left out, glued words parted; empty for a note alone."""
    said = _NOTE.sub("", _FILE_NAME.sub("", text.replace("\xa0", " "))).strip()
    if _NO_ACTION.fullmatch(said) or said.lower().startswith("unknown"):
        return ""
    glued = re.search(r"_|[a-z][A-Z]", said)
    return spelled_out(said) if glued else said


def reason_to_exclude(take: Take) -> str | None:
    """Say why a take is left out of the dataset, or None; decided by EXCLUSIONS alone."""
    if not take.description:
        return "the index does not say what happens"
    for text in (take.description, take.title):
        for pattern, reason in EXCLUSIONS:
            if match := re.search(pattern, text.lower()):
                return f"{reason} ({match[0]!r})"
    return None


def captions_of(description: str) -> list[Caption]:
    """Make captions of a take, CAPTION_COUNT different ones."""
    phrases = _merged([_phrase(part) for part in _parts(description)])
    simple, ongoing = (_join(list(forms)) for forms in zip(*phrases, strict=True))
    predicates = (simple, f"is {ongoing}")
    texts = [f"{who} {predicates[i % 2]}" for i, who in enumerate(_SUBJECTS)]
    return [tag(text) for text in texts]


def _parts(description: str) -> list[str]:
    """Split off keywords: "dance - jete, turn" -> [dance, jete, turn]; "run/jog" -> [run]."""
    text = re.sub(r"\([^)]*\)|[\"#;]", " ", description.lower())
    parts = [part.split("/")[0] for part in re.split(r"\s-\s|,", text)]
    parts = [" ".join(part.split()) for part in parts]
    return list(dict.fromkeys(part for part in parts if part))


def _merged(phrases: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Merge neighbours that share a "performs": (performs a jete), (performs a turn) -> one."""
    merged: list[tuple[str, str]] = []
    for third, gerund in phrases:
        if merged and third.startswith("performs ") and merged[-1][0].startswith("performs "):
            more = third.removeprefix("performs ")
            merged[-1] = (f"{merged[-1][0]} and {more}", f"{merged[-1][1]} and {more}")
        else:
            merged.append((third, gerund))
    return merged


def _join(phrases: list[str]) -> str:
    if len(phrases) < 3:
        return " and ".join(phrases)
    return ", ".join(phrases[:-1]) + f" and {phrases[-1]}"


def _phrase(keyword: str) -> tuple[str, str]:
    """Form third person and gerund: "slow walk" -> (walks slowly, walking slowly)."""
    if keyword in _SPECIAL:
        return _SPECIAL[keyword]
    first, _, rest = keyword.partition(" ")
    if first in _MANNER and rest in _VERBS:
        return f"{_VERBS[rest][0]} {_MANNER[first]}", f"{_VERBS[rest][1]} {_MANNER[first]}"
    if first in _VERBS:
        tail = f" {rest}" if rest else ""
        return _VERBS[first][0] + tail, _VERBS[first][1] + tail
    return f"performs {keyword}", f"performing {keyword}"


def _verb(base: str) -> tuple[str, str]:
    """Form a regular English verb: kick -> kicks, kicking; wash -> washes; dance -> dancing."""
    third = base + ("es" if re.search(r"(s|sh|ch|x|o)$", base) else "s")
    if base.endswith("y") and base[-2] not in "aeou":
        third = f"{base[:-1]}ies"
    if base in _DOUBLED:
        return third, f"{base}{base[-1]}ing"
    if base.endswith("e") and not base.endswith(("ee", "oe")):
        return third, f"{base[:-1]}ing"
    return third, f"{base}ing"


_DOUBLED = (
    "run",
    "jog",
    "hop",
    "skip",
    "sit",
    "grab",
    "step",
    "spin",
    "mop",
    "get",
    "stop",
    "squat",
)
_BASES = (
    "walk run jog jump hop skip leap dance kick punch turn spin bend lift raise reach grab drink "
    "wash sweep mop laugh wave point direct stretch balance crawl lean rise scoop throw catch "
    "strike march limp sneak stand step stop fall get swing push pull carry stride navigate "
    "unscrew screw open fold rotate roll squat twist crouch duck dodge tiptoe stumble stagger "
    "wander pick put look talk salute yawn sneeze cough"
)
_VERBS: Mapping[str, tuple[str, str]] = {base: _verb(base) for base in _BASES.split()}
_MANNER = {"slow": "slowly", "brisk": "briskly", "fast": "fast", "quick": "quickly"}
_SPECIAL: Mapping[str, tuple[str, str]] = {
    "boxing": ("boxes", "boxing"),
    "swordplay": ("fights with a sword", "fighting with a sword"),
    "tai chi": ("does tai chi", "doing tai chi"),
    "basketball": ("plays basketball", "playing basketball"),
    "soccer": ("plays soccer", "playing soccer"),
    "forward jump": ("jumps forward", "jumping forward"),
    "wash self": ("washes the body", "washing the body"),
    "drink soda": ("drinks a soda", "drinking a soda"),
    "unscrew bottlecap": ("unscrews a bottlecap", "unscrewing a bottlecap"),
    "screw on bottlecap": ("screws on a bottlecap", "screwing on a bottlecap"),
    "shoot": ("shoots the ball", "shooting the ball"),
    "kick ball": ("kicks the ball", "kicking the ball"),
    "lift arm": ("lifts an arm", "lifting an arm"),
    "turn step": ("does a turn step", "doing a turn step"),
    "exaggerated stride": ("takes exaggerated strides", "taking exaggerated strides"),
    "backward": ("walks backward", "walking backward"),
    "sideways": ("walks sideways", "walking sideways"),
    "folding arms": ("folds the arms", "folding the arms"),
    "bending back": ("bends back", "bending back"),
    "squats": ("squats", "squatting"),
}
