"""Claims between processes, and what a checkpoint's films are called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sample.checkpoint_visual_sampler as sampler
import sample.models
from loop.errors import MissingAssetError
from loop.rundir.files import read_json
from translation.humanml import joints_to_vectors

HOLD = """
import sys, time
from pathlib import Path
from sample.checkpoint_visual_sampler import claimed
with claimed(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


class Standing:
    """Draws somebody who stands; counts what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[tuple[str, int, tuple]] = []

    def sample(self, captions, frames, stream, description) -> list[np.ndarray]:
        self.drawn.append((captions[0], frames[0], tuple(stream.entropy)))
        return [standing(8)]


def standing(frames: int) -> np.ndarray:
    from body_models.skeleton import DEFAULT_SKELETON

    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    return joints_to_vectors(np.repeat(pose[None], frames + 1, axis=0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two prepared checkpoints and a clip whose second caption spans half a second."""
    for arm in ("baseline", "synthetic_percent_100_iterative_finetuning"):
        (tmp_path / "checkpoints" / f"generation_5_{arm}").mkdir(parents=True)
    for name in ("texts", "motions_gt"):
        (tmp_path / name).mkdir()
    lines = "a person stands#a/DET#0.0#0.0\na person waits#a/DET#1.0#1.5\n"
    (tmp_path / "texts" / "000007.txt").write_text(lines)
    np.save(tmp_path / "motions_gt" / "000007.npy", standing(8))
    return tmp_path


def test_a_claim_excludes_others_until_its_process_dies_however_it_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == "True"
        with sampler.claimed(tmp_path) as mine:
            assert not mine
        assert (tmp_path / sampler.CLAIM).read_text() == f"process {holder.pid}\n"
        os.kill(holder.pid, signal.SIGKILL)
    with sampler.claimed(tmp_path) as mine:
        assert mine


def test_films_and_motions_have_published_names_and_noise_is_shared(folder, monkeypatch) -> None:
    denoiser = Standing()
    monkeypatch.setattr(sample.models, "load_model", lambda *_: denoiser)
    monkeypatch.setattr(
        sampler, "render", lambda clips, out, look, fps, view: out.write_text(clips[0].title)
    )
    sampler.main(folder, 1)
    out = folder / "videos" / "generation_5_baseline"
    stem = "experiment_ID_baseline_motion_ID_000007_text_ID_0_sample_ID_0"
    endings = ("_motion.npy", "_text_prompt.txt", "_output_info.txt", "_view_a.gif", "_view_b.gif")
    assert {f"{stem}{ending}" for ending in endings} <= {path.name for path in out.iterdir()}
    assert [(text, frames) for text, frames, _ in denoiser.drawn[:2]] == [
        ("a person stands", 196),
        ("a person waits", 10),
    ]
    # Both arms draw each caption with the same noise, different captions with different noise.
    noises = [noise for _, _, noise in denoiser.drawn]
    assert noises[:2] == noises[2:] and noises[0] != noises[1]
    sampler.main(folder, 1)  # all is done
    assert len(denoiser.drawn) == 4
    sampler.main(folder, 2)  # one more each, what is there stays
    assert len(denoiser.drawn) == 8
    done = read_json(folder / "checkpoints" / "generation_5_baseline" / sampler.DONE)
    assert done["motions"] == 4


def test_an_unprepared_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="prep_for_visualization"):
        sampler.main(tmp_path, 1)
