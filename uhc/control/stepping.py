"""The controller as MuJoCo's own control callback: no Python between physics steps.

MuJoCo calls `mjcb_control` in the middle of each step, where `mj_step1` ends. The callback here is
compiled and finds what it needs by the one number in `mjData.userdata`: the address of a `RECORD`.
A model without user data, and one whose number is 0, is left alone, so that others in the process
simulate as before. Breakdowns of the physics are caught by `mujoco.mj_step` as anywhere.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from numba import cfunc, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from uhc.control.computed_torque import Gains, Spring, computed_torque, desired_acceleration
from uhc.humanoid.segments import TIMESTEP_S
from uhc.humanoid.untyped import mujoco

_POINTERS = (
    "qpos", "qvel", "bias", "passive", "positions", "matrices", "sites", "applied", "constraint",
    "ref_qpos", "ref_qvel", "ref_qacc", "push", "dual", "shift", "mass", "implicit", "site_ids",
    "radii", "contact_bodies", "body_parents", "limits", "yields", "stopped",
)  # fmt: skip
_COUNTS = ("nv", "n_sites", "n_contacts", "row", "done", "pending", "off", "failed")
_NUMBERS = (
    "weight", "clamp", "anchor", "force", "torque", "contact",
    "horizontal_k", "horizontal_d", "vertical_k", "vertical_d", "rotation_k", "rotation_d",
    "legs_k", "legs_d", "upper_k", "upper_d",
)  # fmt: skip
RECORD = np.dtype([(n, np.intp) for n in _POINTERS + _COUNTS] + [(n, float) for n in _NUMBERS])
"""One simulation: addresses of its arrays (of MuJoCo's data, of the reference, and scratch), row of
the reference that is next, steps done, whether the last one's contact force is still to be counted,
whether the callback is to do nothing, whether the controller failed, sums of the residual force
(N), torque (Nm) and vertical contact force (N) over the steps, gains (stiffness, damping)."""
_USERDATA = int(mujoco.mjtState.mjSTATE_USERDATA)
_get_state: Any = types.ExternalFunction(
    "mj_getState", types.void(types.voidptr, types.voidptr, types.intp, types.intc)
)
_full_mass: Any = types.ExternalFunction(
    "mj_fullM", types.void(types.voidptr, types.voidptr, types.intp)
)


def _pointer_to(kind: Any) -> Any:
    """Make the compiled function that turns an address into a pointer to `kind`."""

    @intrinsic
    def pointer(_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    return pointer


_record = _pointer_to(numba.from_dtype(RECORD))
_floats = _pointer_to(types.float64)
_integers = _pointer_to(types.int64)


def _control(model: Any, data: Any) -> None:
    """Write the force of this step into `qfrc_applied`."""
    held = np.zeros(1)
    _get_state(model, data, held.ctypes.data, _USERDATA)
    if held[0] == 0.0:
        return
    r = carray(_record(int(held[0])), 1)[0]
    if r.off or r.failed:
        return
    nv = r.nv
    nq = nv // 3 * 4 - 1
    if r.pending:  # what the last step's contacts pushed is known by now
        r.contact += carray(_floats(r.constraint), nv)[2]
        r.pending = 0
    qpos, qvel, shift = (
        carray(_floats(r.qpos), nq),
        carray(_floats(r.qvel), nv),
        carray(_floats(r.shift), 2),
    )
    goal = carray(_floats(r.ref_qpos + 8 * nq * r.row), nq).copy()
    for i in range(2):
        shift[i] += r.anchor * TIMESTEP_S * (qpos[i] - goal[i] - shift[i])
        goal[i] += shift[i]
    gains = Gains(
        Spring(r.horizontal_k, r.horizontal_d),
        Spring(r.vertical_k, r.vertical_d),
        Spring(r.rotation_k, r.rotation_d),
        Spring(r.legs_k, r.legs_d),
        Spring(r.upper_k, r.upper_d),
        r.anchor,
        0.0,
    )
    row = 8 * nv * r.row
    want = desired_acceleration(
        qpos,
        qvel,
        goal,
        carray(_floats(r.ref_qvel + row), nv),
        carray(_floats(r.ref_qacc + row), nv),
        gains,
    )
    if r.push:
        want += carray(_floats(r.push), nv)
    mass = carray(_floats(r.mass), (nv, nv))
    _full_mass(model, data, r.mass)
    sites, ids = (
        carray(_floats(r.sites), (r.n_sites, 3)),
        carray(_integers(r.site_ids), r.n_contacts),
    )
    radii, contacts = carray(_floats(r.radii), r.n_contacts), np.empty((r.n_contacts, 3))
    for c in range(r.n_contacts):
        contacts[c] = sites[ids[c]]
        contacts[c, 2] -= radii[c]
    bodies = (nv - 3) // 3
    dual = carray(_floats(r.dual), 6)
    force, dual[:] = computed_torque(
        want,
        mass,
        carray(_floats(r.implicit), nv),
        carray(_floats(r.bias), nv),
        carray(_floats(r.passive), nv),
        carray(_floats(r.positions), (bodies, 3)),
        carray(_floats(r.matrices), (bodies, 9)),
        contacts,
        carray(_integers(r.contact_bodies), r.n_contacts),
        carray(_integers(r.body_parents), bodies),
        carray(_floats(r.limits), nv),
        r.weight,
        r.clamp,
        carray(_floats(r.yields), nv),
        dual,
    )
    if not np.isfinite(force).all():
        r.failed = 1
        stopped = carray(_floats(r.stopped), nq + nv)
        stopped[:nq], stopped[nq:] = qpos, qvel
        return
    carray(_floats(r.applied), nv)[:] = force
    r.force += np.sqrt(force[0] ** 2 + force[1] ** 2 + force[2] ** 2)
    r.torque += np.sqrt(force[3] ** 2 + force[4] ** 2 + force[5] ** 2)
    r.row += 1
    r.done += 1
    r.pending = 1


@functools.cache
def install() -> None:
    """Make MuJoCo call the controller; before the first step of this process."""
    library = next(Path(mujoco.__file__).parent.glob("*mujoco.[0-9ds]*"))  # .so.*, .*.dylib, .dll
    llvmlite.binding.load_library_permanently(str(library))
    signature = types.void(types.voidptr, types.voidptr)
    mujoco.set_mjcb_control(cfunc(signature, cache=True)(_control).ctypes)
