"""The motions of the report: which are shown, and what the player needs of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import PARENTS
from dataset.humanml3d import FPS
from loop.errors import ScscError
from loop.progress import track
from loop.rng import Streams
from loop.rundir.files import read_json
from loop.rundir.layout import WITH_CORRECTION
from uhc.measure.plausibility import plausibility
from visualize.arms import STYLES, arm_title
from visualize.motions import SampleFiles, find_samples, read_joints
from visualize.report.page import rounded
from visualize.report.runs import ShownArm, spans
from visualize.video import body
from visualize.video.contact import (
    BELOW_M,
    CONTACT_HEIGHT_M,
    FLOATING_M,
    SLIDE_M_PER_S,
    TOES,
    find_cues,
)

PHYSICS = {
    "penetrate_mm": "penetration, mm",
    "float_mm": "floating, mm",
    "skate_mm": "foot skating, mm a frame",
    "slide_mm_per_frame": "toe slide in contact, mm a frame",
    "jitter": "jitter, mm a frame³",
}
"""Columns of `uhc.measure.plausibility` that the player shows."""
GENERATIONS = 6
"""Most generations of an arm that are shown: the first, the last, and others spread between."""
FEWEST = 2
"""Motions of a generation, however many generations there are."""
BEFORE_COLOUR = "#D55E00"  # vermilion of Okabe & Ito: told apart from every arm


def player_data(
    arms: Sequence[ShownArm], motions: int, budget: float
) -> tuple[dict[str, Any] | None, list[str]]:
    """Collect what assets/player.js shows (None without any motion), and what is missing and why.

    Args:
        arms: those of one run, in the order in which they are offered.
        motions: at most so many of a generation.
        budget: bytes that all motions may take in the page; beyond it, each generation shows fewer.
    """
    missing: list[str] = []
    chosen: list[tuple[ShownArm, int, list[SampleFiles]]] = []
    thinned: dict[str, str] = {}
    for arm in arms:
        found = {
            g: clips
            for g in arm.record.generations
            if (clips := find_samples(arm.record.generation(g)))
        }
        gone = [g for g in arm.record.generations if g > 0 and g not in found]
        if gone and _makes_motions(arm):
            missing.append(f"{arm.title}: no motions are kept of generation {spans(gone)}.")
        chosen += [(arm, g, found[g]) for g in spread(sorted(found), GENERATIONS)]
        if len(found) > GENERATIONS:
            thinned[arm.title] = f" {GENERATIONS} of its {len(found)} generations are in this page."
    if not chosen:
        return None, missing
    motions = min(motions, _affordable(chosen, budget))
    groups = [
        _group(arm, generation, clips, motions, missing)
        for arm, generation, clips in track(chosen, "reading motions", len(chosen))
    ]
    for (arm, *_), group in zip(chosen, groups, strict=True):
        group["note"] += thinned.get(arm.title, "")
    groups = [group for group in groups if group["motions"]]
    return (_player(groups) if groups else None), missing


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """Choose at most `count` of the numbers: the first, the last, and others evenly between."""
    if len(numbers) <= count:
        return list(numbers)
    return [numbers[i] for i in np.linspace(0, len(numbers) - 1, count).round().astype(int)]


def choose(faults: Sequence[float], count: int, stream: np.random.SeedSequence) -> dict[int, str]:
    """Choose {index: why it is shown}: two thirds broke physics most, the others are random."""
    order = [int(i) for i in np.argsort(-np.asarray(faults), kind="stable")]
    worst = order if len(order) <= count else order[: -(-2 * count // 3)]
    rest = order[len(worst) :]
    drawn = np.random.default_rng(stream).permutation(len(rest))[: count - len(worst)]
    why = {index: f"{_ordinal(rank)} worst" for rank, index in enumerate(worst, start=1)}
    return why | {rest[i]: "drawn at random" for i in sorted(drawn)}


def encode(joints: NDArray[np.floating]) -> dict[str, Any]:
    """Encode a motion (F, 22, 3) in metres as 16-bit integers, and cues as a byte a frame.

    Bits of a cue: 0, 1 left, right toe planted; 2, 3 sliding; 4 floating; 5 below the floor. The
    unit is 1 mm, or as many whole mm as a motion needs that goes further than 32 m.
    """
    millimetres = 1000.0 * np.asarray(joints, dtype=np.float64)
    unit = max(1, int(np.ceil(np.abs(millimetres).max() / 32767)))
    cues = find_cues(np.asarray(joints, dtype=np.float64), FPS)
    flags = [*cues.planted.T, *cues.sliding.T, cues.floating, cues.below]
    bits = sum(flag.astype(np.uint8) << place for place, flag in enumerate(flags))
    return {
        "joints": _base64(np.rint(millimetres / unit).astype("<i2")),
        "unitMm": unit,
        "cues": _base64(np.asarray(bits, dtype=np.uint8)),
    }


def _group(
    arm: ShownArm, generation: int, clips: Sequence[SampleFiles], count: int, missing: list[str]
) -> dict[str, Any]:
    """Describe one generation of one arm: the chosen motions, and how many of how many."""
    read: list[tuple[SampleFiles, dict[str, Any]]] = []
    for clip in clips:
        try:
            read.append((clip, _motion(clip.sampled)))
        except ScscError as error:
            missing.append(f"{clip.sampled} cannot be shown: {str(error).splitlines()[0]}.")
    faults = [sum(motion["physics"][key] for key in list(PHYSICS)[:3]) for _, motion in read]
    shown = choose(faults, count, Streams(0).at(generation, "report"))
    captions = _captions(clips[0].sampled.parent / "prompts.json", missing)
    corrected = any(clip.corrected for clip in clips)
    corrects = corrected or arm.settings.get("correction", "none") != "none"
    motions = []
    for index, why in shown.items():
        clip, before = read[index]
        after, note = _after(clip, corrects, missing)
        motions.append(
            {
                "id": clip.id,
                "caption": captions.get(clip.id, "(caption not kept)"),
                "why": why,
                "note": note,
                "before": before,
                "after": after,
            }
        )
    motions.sort(key=lambda motion: motion["after"] is None)  # open on a pair to compare
    return {
        "arm": arm_title(arm.name.kind, arm.name.percent),
        "generation": generation,
        "motions": motions,
        "note": _note(len(motions), len(clips), sum("worst" in m["why"] for m in motions)),
    }


def _after(
    clip: SampleFiles, corrects: bool, missing: list[str]
) -> tuple[dict[str, Any] | None, str]:
    """Return the corrected motion, and a remark where there is none."""
    if clip.corrected is None:
        note = "The correction failed on this one; it did not enter the training set."
        return None, note if corrects else ""
    try:
        return _motion(clip.corrected), ""
    except ScscError as error:
        missing.append(f"{clip.corrected} cannot be shown: {str(error).splitlines()[0]}.")
        return None, "The corrected motion cannot be read."


def _motion(path: Path) -> dict[str, Any]:
    joints = read_joints(path)
    measured = plausibility(joints)
    return encode(joints) | {"physics": {key: rounded(measured[key]) for key in PHYSICS}}


def _captions(path: Path, missing: list[str]) -> dict[str, str]:
    """Read the caption of each motion; {} where a published run kept none."""
    if not path.exists():
        return {}
    try:
        return {clip: str(captions[0][0]) for clip, captions in read_json(path).items()}
    except (ScscError, AttributeError, LookupError, TypeError):
        missing.append(f"{path} does not read as captions.")
        return {}


def _player(groups: list[dict[str, Any]]) -> dict[str, Any]:
    sides = dict.fromkeys(body.LEFT_BONES, "left") | dict.fromkeys(body.RIGHT_BONES, "right")
    colours = {
        name: "#{:02x}{:02x}{:02x}".format(*getattr(body, name.upper()))
        for name in ("left", "right", "trunk", "planted", "sliding", "below", "floating")
    }
    return {
        "fps": FPS,
        "physics": [{"key": key, "label": label} for key, label in PHYSICS.items()],
        "rule": f"A toe is planted within {100 * CONTACT_HEIGHT_M:g} cm of the floor at up to "
        f"{SLIDE_M_PER_S:g} m/s and slides when faster; below the floor: deeper than "
        f"{1000 * BELOW_M:g} mm; floats: the lowest joint above {100 * FLOATING_M:g} cm.",
        "body": {
            "bones": [
                [PARENTS[joint], joint, *radii, sides.get(joint, "trunk")]
                for joint, radii in body.RADII.items()
            ],
            "toes": TOES,
            "head": body.HEAD_M,
            "nose": body.NOSE_M,
            "hand": body.HAND_M,
            "ringM": body.RING_M,
            "belowM": BELOW_M,
            "colours": colours
            | {
                "nose": colours["trunk"],
                "before": BEFORE_COLOUR,
                "after": STYLES[WITH_CORRECTION].color,
            },
        },
        "groups": groups,
    }


def _affordable(chosen: Sequence[tuple[ShownArm, int, list[SampleFiles]]], budget: float) -> int:
    """Count motions a generation that fit the budget, by the length of the first clip of each."""
    each = 0.0
    for _, _, clips in chosen:
        frames = _frames(clips[0].sampled)
        each += (1 + (clips[0].corrected is not None)) * (frames * (22 * 3 * 2 + 1) * 4 / 3 + 300)
    return max(FEWEST, int(budget / each))


def _frames(path: Path) -> int:
    """Read the length of a motion by the head of its file; 0 where it cannot be read."""
    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, TypeError):  # named when it is read
        return 0


def _makes_motions(arm: ShownArm) -> bool:
    return arm.settings.get("synthetic_augmentation_percent", "1") not in ("0", "0.0")


def _note(shown: int, there: int, worst: int) -> str:
    if shown == there:
        return f"All {there} synthetic motions of this generation, worst physics first."
    return (
        f"{shown} of the {there} synthetic motions of this generation: the {worst} that broke "
        f"physics most as sampled (penetration, floating and skating, in mm), and {shown - worst} "
        "drawn at random."
    )


def _ordinal(rank: int) -> str:
    ending = (
        "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    )
    return f"{rank}{ending}"


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
