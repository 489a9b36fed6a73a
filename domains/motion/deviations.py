"""Everything in which `--faithful` still differs from the published code, and why: one table.

`--faithful --explain` prints it; `python -m domains.motion.deviations` writes docs/faithful.md.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faithful.md"
WIDTH = 100


@dataclass(frozen=True)
class Deviation:
    """One difference.

    Attributes:
        subject: what it is about.
        published: what the published code does, or the paper says.
        ours: what `--faithful` does.
        reason: why.
    """

    subject: str
    published: str
    ours: str
    reason: str


DEVIATIONS = (
    Deviation(
        "Heading that passes straight backwards",
        "the root's yaw velocity is the arcsine of one component of a quaternion difference, whose "
        "sign jumps where the heading passes 180 degrees; recovered joints drift .11 to .37 m",
        "the sign that turns the shorter way; joints are recovered to 6e-8 m",
        "a defect of single frames that no number of the paper depends on; a clip without such a "
        "frame encodes equally",
    ),
    Deviation(
        "Inverse kinematics",
        "VPoser 2.0 and L-BFGS, all clips of a batch in one problem, 300 iterations",
        "damped least squares on each clip; `--ik vposer` fits VPoser to each clip",
        "VPoser and SMPL-H are licensed files; one clip's result must not depend on its batch",
    ),
    Deviation(
        "Text encoder",
        "CLIP ViT-B/32",
        "MiniLM, unless --text_encoder clip names the files of CLIP",
        "CLIP's weights cannot be assumed on a machine without network; MiniLM comes along",
    ),
    Deviation(
        "Evaluator",
        "Guo et al.'s, with GloVe",
        "one trained on the data set, unless --evaluator published names the files; its two rules "
        "for generated motion (22 tokens a caption, frames after the end) apply to the published "
        "one alone",
        "the files cannot be shipped; numbers of the two do not compare",
    ),
    Deviation(
        "Simulator",
        "MuJoCo 2.1 through mujoco-py",
        "MuJoCo 4, default solver settings of that version",
        "2.1 has no wheels for present Pythons. Away from contacts a control step agrees to "
        "rounding on equal models (`python -m uhc.faithful_check FOLDER`); contacts differ",
    ),
    Deviation(
        "Robot of the published controller",
        "each body's hull is decimated by VTK to about 50 vertices, written as STL",
        "MuJoCo's own hull of at most 50 vertices",
        "no dependency on VTK; masses differ by what the decimation cuts off",
    ),
    Deviation(
        "Controller without files",
        "the published one only",
        "our tracker where no --controller is named, played 1.5 times too fast and teleported as "
        "published; a teleported clip of the tracker keeps its number of frames, one of the "
        "published controller gains a frame each time",
        "the published weights and the SMPL body are each user's own",
    ),
    Deviation(
        "Running statistics of the published policy",
        "the first observation of every clip is added to them, for all later clips, too",
        "they stay those of the checkpoint",
        "a result may not depend on the clips before it; of some 10^9 observations one is nothing",
    ),
    Deviation(
        "Simulation that breaks down",
        "MuJoCo resets the robot to its rest pose at the origin, which is recorded",
        "the pose before the step that broke down is recorded",
        "a person at the origin is not what was simulated",
    ),
    Deviation(
        "Last frame of a clip to correct",
        "the last frame twice; in clips of 42, 80, 85, 90, 161, 166, 171, 176, 181 and 186 frames "
        "rounding drops it again, and the result is a frame shorter",
        "the frame that the last vector's velocities lead to; always as many frames",
        "an accident of floating point arithmetic",
    ),
    Deviation(
        "Body of the corrected motion",
        "SMPL-H, female, then retargeted to the skeleton of clip 000021",
        "SMPL, neutral, then retargeted to the skeleton of the training data, which is that one",
        "only the directions of bones survive the retargeting",
    ),
    Deviation(
        "Segments of clips",
        "a segment's name replaces its clip's: later segments get names of names, the whole clip "
        "takes a segment's entry, no sample joins it, and some items are never drawn",
        "every segment and every whole clip is an item of its own; samples join their clips",
        "a defect that no count of items can be checked against without the licensed texts",
    ),
    Deviation(
        "Damaged clips",
        "the loader skips them silently; the choice of prompts stops at one",
        "both skip them, and a warning names them",
        "a data set that shrinks unseen gives numbers nobody can compare",
    ),
    Deviation(
        "Fewer items than a batch",
        "division by zero",
        "batches that hold items of several epochs; a batch counts as an epoch",
        "the smallest experiments could not run at all",
    ),
    Deviation(
        "Random numbers",
        "Python's, NumPy's and torch's global generators, on a GPU; one order of calls",
        "prompts are the published draw itself (random.sample, seed times generation); noise and "
        "batches have generators of their own, and repeat in every generation and arm as published",
        "a result may not depend on device, batch size or what ran before",
    ),
    Deviation(
        "Interrupted runs",
        "start the shell loop again by hand",
        "the same command goes on to the same bytes",
        "nothing in a finished run depends on it",
    ),
)
"""What remains, in the order of the pipeline."""

PAPER = (
    Deviation(
        "Batches of generation 0 at n = 2794",
        "the paper states 3,125",
        "200,000, as the published script runs",
        "200,000 / 64 = 3,125: the paper seems to have divided by the batch size once more",
    ),
    Deviation(
        "Sizes of the small data sets",
        "the paper says 64, 128 and 256",
        "65, 129 and 257 ids, as the published lists hold; lambda counts ids, loaded or not",
        "the lists are what was run",
    ),
    Deviation(
        "Guidance",
        "2.5 is set in the published loop",
        "1, with and without --faithful: the published loop never wraps its network, so that the "
        "scale has no effect",
        "what was run, again; single samples (sample.generate, eval.eval_humanml) are drawn with "
        "2.5 as published",
    ),
)
"""Where the paper and the published code disagree: `ours` follows the code."""

EVALUATORS = (
    "Which evaluator compares with which table: `--evaluator published` with `--faithful` measures "
    "the loop as the published loop did and stands beside the figures of the paper. `python -m "
    "eval.eval_humanml --model_path MODEL --evaluator published` "
    "counts the tokens of a caption without padding and "
    "ends motions where they end, as MDM later mended it, and stands beside text-to-motion tables. "
    "Numbers of the trained evaluator compare between data sets of one pool only."
)


def explain() -> str:
    """Return the tables as text for a terminal."""
    parts = []
    for title, rows in _TABLES:
        parts.append(title)
        for row in rows:
            lines = [("published", row.published), ("ours", row.ours), ("because", row.reason)]
            parts.append(f"* {row.subject}")
            parts += [_wrapped(f"{label}: {said}", "    ") for label, said in lines]
        parts.append("")
    return "\n".join([*parts, _wrapped(EVALUATORS.replace("`", ""), "")])


def as_markdown() -> str:
    """Return docs/faithful.md."""
    parts = [
        "# What `--faithful` does not do as published",
        "",
        "`--faithful` behaves as the published code does, defects included. These differences "
        "remain. Written by `python -m domains.motion.deviations`; "
        "`python -m train.train_mdm_iterative_finetuning --faithful --explain` prints the same.",
    ]
    for title, rows in _TABLES:
        parts += ["", f"## {title}", "", "| | published | ours | why |", "|---|---|---|---|"]
        parts += [f"| {r.subject} | {r.published} | {r.ours} | {r.reason} |" for r in rows]
    return "\n".join([*parts, "", "## Which numbers compare", "", EVALUATORS, ""])


def main(out: Path = DOCUMENT) -> None:
    """Write the document.

    Args:
        out: the Markdown file.
    """
    from loop.rundir.files import prepare_file, write_bytes

    prepare_file(out)
    write_bytes(out, as_markdown().encode())


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent and indent + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


_TABLES = (
    ("What remains different", DEVIATIONS),
    ("Where the paper and its code disagree", PAPER),
)

if __name__ == "__main__":
    import tyro

    from loop.cli import command

    with command():
        tyro.cli(main, prog="python -m domains.motion.deviations")
