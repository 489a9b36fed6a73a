"""What each arm of an experiment is coloured with, in every picture of a body."""

from __future__ import annotations

Colour = tuple[int, ...]

# Published: baseline orange, fine-tuning green, with correction blue, real motions grey. The shades
# are Okabe & Ito's, told apart by colour-blind readers; the curves of `visualize.curves.axes` have
# them.
ARM_COLOURS: dict[str, Colour] = {
    "baseline": (230, 159, 0),
    "finetune": (0, 158, 115),
    "corrected": (0, 114, 178),
    "real": (150, 158, 170),
}


def colour_of_arm(arm: str) -> Colour:
    """Colour of an arm by the name of its folder, or grey where the name says nothing."""
    if "with_correction" in arm:
        return ARM_COLOURS["corrected"]
    if "iterative_finetuning" in arm:
        return ARM_COLOURS["finetune"]
    return ARM_COLOURS["baseline" if arm.startswith("baseline") else "real"]
