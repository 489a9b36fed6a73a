"""Make the moving picture of the README: `python docs/media/correction.py`.

Draws one motion from the shipped weights, corrects it in the simulator, and films both beside each
other. About half a minute on one core.
"""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import tyro

from loop.cli import command
from sample.generate import Arguments, generate
from translation.humanml import vectors_to_joints
from visualize.video.encode import write_video
from visualize.video.skeleton import render_frames


def main(
    text_prompt: str = "a person walks forward",
    seed: int = 42,
    seconds: float = 4.0,
    size: int = 300,
    out: Path = Path("docs/media/correction.gif"),
) -> None:
    """Film a sample of `weights/cmu` beside its correction.

    Args:
        text_prompt: what the person does.
        seed: fixes the sample.
        seconds: length of the motion.
        size: pixels of a panel.
        out: the film, .gif or .mp4; every second frame of 20 a second, which keeps the file small.
    """
    from uhc.correct import correct_motions  # it needs the simulator, which --help does not

    with tempfile.TemporaryDirectory() as folder:
        (path,) = generate(
            Arguments(
                text_prompt=(text_prompt,),
                model_path=Path("weights/cmu"),
                output_dir=Path(folder),
                num_repetitions=1,
                motion_length=seconds,
                formats=("npy",),
                seed=seed,
            )
        )
        sampled = np.load(path)
    (corrected,) = correct_motions([sampled], workers=1)
    assert corrected.vectors is not None, corrected.reason
    motions = (("as sampled", sampled), ("corrected by physics", corrected.vectors))
    panels = [(title, vectors_to_joints(vectors)) for title, vectors in motions]
    write_video(islice(render_frames(panels, 20.0, size), 0, None, 2), out, 10.0)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python docs/media/correction.py")
