"""`python -m uhc.evaluate`: rows, columns, files that are not motions, windows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from loop.errors import InvalidOptionError, MissingAssetError
from translation.humanml import joints_to_vectors
from uhc.clips import MAX_FRAMES, ClipFilter, MotionClip, choose, read_motions
from uhc.evaluate import evaluate, main, summary, write_csv
from uhc.options import CorrectionOptions

Joints = NDArray[np.float32]
PROMISED = (
    "id",
    "frames",
    "success",
    "mpjpe_mm",
    "root_aligned_mm",
    "residual_force_bw",
    "penetrate_mm",
    "float_mm",
    "grounded_float_mm",
    "slide_mm_per_frame",
    "jitter",
    "seconds",
)
PLAUSIBLE = ("penetrate_mm", "float_mm", "slide_mm_per_frame", "jitter")


def test_one_row_a_clip_with_every_promised_column(walk: Joints, tmp_path: Path) -> None:
    motions = tmp_path / "motions"
    motions.mkdir()
    np.save(motions / "walk.npy", walk[:20])
    np.save(motions / "encoded-sampled.npy", joints_to_vectors(walk[:20]))
    np.save(motions / "short.npy", walk[:2])
    np.save(motions / "wrong.npy", np.zeros((20, 4)))
    (motions / "broken.npy").write_bytes(b"\x93NUMPY broken")
    main(motions, tmp_path / "out" / "rows.csv", workers=1)
    with (tmp_path / "out" / "rows.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["broken", "encoded-sampled", "short", "walk", "wrong"]
    for prefix in ("input_", "kinematic_"):
        assert {prefix + name for name in PLAUSIBLE} <= set(rows["walk"])
    assert set(PROMISED) <= set(rows["walk"])
    assert rows["walk"]["upright"] == "1" and rows["wrong"]["upright"] == "0"
    assert rows["walk"]["contacts"] == "feet" and rows["wrong"]["contacts"] == ""
    assert rows["walk"]["success"] == rows["encoded-sampled"]["success"] == "1"
    assert float(rows["walk"]["mpjpe_mm"]) < 40.0 and int(rows["walk"]["frames"]) == 20
    for name in ("broken", "short", "wrong"):
        assert rows[name]["success"] == "0" and rows[name]["reason"]
        assert rows[name]["mpjpe_mm"] == "" and rows[name]["jitter"] == ""
    assert "nan" not in (tmp_path / "out" / "rows.csv").read_text()


def test_the_humanml3d_layout_is_understood(walk: Joints, tmp_path: Path) -> None:
    (tmp_path / "new_joint_vecs").mkdir()
    np.save(tmp_path / "new_joint_vecs" / "000001.npy", joints_to_vectors(walk))
    np.save(tmp_path / "Mean.npy", np.zeros(263))
    (clip,) = read_motions(tmp_path)
    assert clip.name == "000001" and clip.joints.shape == (59, 22, 3)
    (tmp_path / "new_joints").mkdir()
    np.save(tmp_path / "new_joints" / "000001.npy", walk)
    (clip,) = read_motions(tmp_path)
    np.testing.assert_array_equal(clip.joints, walk)


def test_long_clips_are_cut_and_nothing_is_lost(walk: Joints, tmp_path: Path) -> None:
    long = np.concatenate([walk] * 7)  # 420 frames, 21 s
    np.save(tmp_path / "long.npy", long)
    clips = read_motions(tmp_path)
    assert [clip.name for clip in clips] == ["long#0", "long#1", "long#2"]
    assert max(len(clip.joints) for clip in clips) <= MAX_FRAMES
    np.testing.assert_array_equal(np.concatenate([clip.joints for clip in clips]), long)


def test_a_choice_takes_a_split_originals_and_upright_clips(walk: Joints, tmp_path: Path) -> None:
    low = walk.copy()
    low[:, 0, 1] -= np.float32(0.5)
    for name, joints in {"01": walk, "02": low, "M01": walk, "M_c": walk}.items():
        np.save(tmp_path / f"{name}.npy", joints)
    (tmp_path / "test.txt").write_text("01\n02\nM01\n")

    def names(choice: ClipFilter) -> list[str]:
        return [clip.name for clip in choose(tmp_path, choice)]

    assert names(ClipFilter()) == ["01", "02", "M01", "M_c"]
    assert names(ClipFilter(split="test")) == ["01", "02", "M01"]
    assert names(ClipFilter(originals=True, upright=True)) == ["01", "M_c"]
    assert names(ClipFilter("test", originals=True, upright=True)) == ["01"]
    with pytest.raises(MissingAssetError, match="split"):
        names(ClipFilter(split="val"))
    np.save(tmp_path / "01.npy", low)
    with pytest.raises(MissingAssetError, match="left"):
        names(ClipFilter("test", originals=True, upright=True))


def test_rows_do_not_depend_on_the_number_of_workers(walk: Joints, tmp_path: Path) -> None:
    for start in (0, 20):
        np.save(tmp_path / f"walk_{start}.npy", walk[start : start + 16])
    clips = read_motions(tmp_path)
    alone, together = (evaluate(clips, workers=workers) for workers in (1, 2))
    for one, other in zip(alone, together, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0} and one["success"]


def test_controls_can_be_evaluated_alone(walk: Joints, tmp_path: Path) -> None:
    np.save(tmp_path / "walk.npy", walk[:20])
    (row,) = evaluate(read_motions(tmp_path), CorrectionOptions("none"), workers=1)
    assert row["mpjpe_mm"] == 0.0 and row["method"] == "none"
    assert row["jitter"] == row["input_jitter"] != row["kinematic_jitter"]
    write_csv([row], tmp_path / "rows.csv")
    names = [line[0] for line in summary([row])]
    assert names[0] == "success" and "jitter" in names


def test_a_jump_does_not_count_as_floating(walk: Joints) -> None:
    jump = walk[:40].copy()
    jump[15:25, :, 1] += 0.4
    standing, flying = evaluate(
        [MotionClip("walk", walk[:40]), MotionClip("jump", jump)],
        CorrectionOptions(method="none"),
        workers=1,
    )
    assert float(str(flying["float_mm"])) > float(str(standing["float_mm"])) + 90.0
    assert float(str(flying["grounded_float_mm"])) < float(str(standing["float_mm"])) + 1.0


def test_a_summary_of_failures_only_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "empty.npy", np.zeros((0, 22, 3)))
    rows = evaluate(read_motions(tmp_path), workers=1)
    assert summary(rows) == [("success", "", "", "0 of 1")]


def test_refuses_what_it_cannot_work_with(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no motions"):
        read_motions(tmp_path)
    with pytest.raises(MissingAssetError, match="no motions"):
        read_motions(tmp_path / "nowhere")
    with pytest.raises(InvalidOptionError, match="worker"):
        main(tmp_path, tmp_path / "out.csv", workers=0)
