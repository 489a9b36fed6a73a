"""OpenGL without a screen: EGL, which a software driver serves where there is no GPU, or OSMesa."""

from __future__ import annotations

import importlib
import logging
import os
from ctypes.util import find_library
from typing import Any

from loop.errors import MissingAssetError

logger = logging.getLogger("scsc")

BACKENDS = {"egl": "EGL", "osmesa": "OSMesa"}
"""Name, as in the environment variables MUJOCO_GL and PYOPENGL_PLATFORM: shared library."""
REMEDY = (
    "install a software driver (Debian, Ubuntu: apt-get install libegl1 libgl1-mesa-dri, or "
    "libosmesa6 and MUJOCO_GL=osmesa), or choose --look skeleton, which needs none"
)


def open_context(width: int, height: int) -> Any:
    """Open a current OpenGL context with an off-screen buffer; keep it as long as you draw.

    Raises MissingAssetError, with what to install, where this machine has no such OpenGL.
    """
    backend = _backend()
    logging.getLogger("OpenGL").setLevel(logging.WARNING)  # tells what it can do without
    try:
        context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        context.make_current()
    # PyOpenGL fails in its own ways: AttributeError without the library, its errors without a
    # driver, ImportError when another platform was chosen before.
    except Exception as error:
        raise MissingAssetError(
            "OpenGL without a screen does not work here",
            found=f"{BACKENDS[backend]}: {error}",
            remedy=REMEDY,
        ) from error
    logger.debug("drawing with %s", BACKENDS[backend])
    return context


def _backend() -> str:
    """Return what the user or an earlier import chose, else the first library that is there."""
    for variable in ("MUJOCO_GL", "PYOPENGL_PLATFORM"):
        chosen = os.environ.get(variable, "").strip().lower()
        if chosen in BACKENDS:
            return chosen
    for name, library in BACKENDS.items():
        if find_library(library) is not None:
            return name
    raise MissingAssetError(
        "OpenGL without a screen is missing",
        expected=" or ".join(f"lib{library}" for library in BACKENDS.values()),
        remedy=REMEDY,
    )
