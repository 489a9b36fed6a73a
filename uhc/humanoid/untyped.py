"""MuJoCo without types: its compiled parts carry none."""

from __future__ import annotations

from typing import Any

import mujoco as _mujoco

mujoco: Any = _mujoco
