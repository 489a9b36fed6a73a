"""The simulated body as data: what its parts, joints and contacts are called and where they are.

Without the simulator's compiler, so that options and commands can name a body cheaply.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array

GRAVITY = 9.81
N_JOINTS = 22
Contacts: TypeAlias = Literal["feet", "body"]
"""What of a body is meant to bear load: the soles, or knees, hands, elbows and trunk as well."""
ContactChoice: TypeAlias = Contacts | Literal["auto"]
"""`auto`: the feet in a motion that is `uhc.clips.upright`, else the body."""


@dataclass(frozen=True)
class Humanoid:
    """A compiled body and the maps between its numbering and the 22 joints of the skeleton.

    Bodies are numbered depth first without the world; `qpos` is [root position 3, root quaternion
    wxyz 4, one local quaternion wxyz per further body], `qvel` is [root velocity 3 (world), then
    three angular velocities (body frame) per body].
    """

    model: Any
    """`mujoco.MjModel`, z up, metres, kilograms."""
    body_joints: NDArray[np.int64]
    """(17,) skeleton joint at the origin of each body."""
    body_parents: NDArray[np.int64]
    """(17,) index of the parent body; -1 for the root."""
    body_offsets: Array
    """(17, 3) origin of each body in its parent's frame, metres, z up (zero for the root)."""
    joint_bodies: NDArray[np.int64]
    """(22,) body that carries each skeleton joint."""
    joint_offsets: Array
    """(22, 3) skeleton joints in the frame of the body that carries them, metres, z up."""
    corner_bodies: NDArray[np.int64]
    """(8,) body of each foot corner: left foot's four, then right foot's four."""
    corner_offsets: Array
    """(8, 3) foot corners (on the sole) in the frame of their body, metres, z up."""
    sphere_bodies: NDArray[np.int64]
    """(S,) body of each sphere that may touch the floor besides the feet; none with `feet`."""
    sphere_offsets: Array
    """(S, 3) their centres in the frame of their body, metres, z up."""
    sphere_radii: Array
    """(S,) metres."""
    torque_limits: Array
    """(nv,) Nm; infinite for the six root coordinates, which no motor drives."""

    @property
    def nq(self) -> int:
        """Return the number of position coordinates (71)."""
        return int(self.model.nq)

    @property
    def nv(self) -> int:
        """Return the number of velocity coordinates (54)."""
        return int(self.model.nv)

    @cached_property
    def mass(self) -> float:
        """Return the total mass in kilograms."""
        return float(np.sum(self.model.body_mass))

    @cached_property
    def body_weight(self) -> float:
        """Return the total weight in newtons: the unit of residual forces."""
        return self.mass * GRAVITY

    @property
    def contacts(self) -> Contacts:
        """Tell what may bear load."""
        return "body" if len(self.sphere_bodies) else "feet"

    @cached_property
    def contact_bodies(self) -> NDArray[np.int64]:
        """Return the body (C,) of each point that may touch the floor: corners, then spheres."""
        return np.concatenate([self.corner_bodies, self.sphere_bodies])

    @cached_property
    def contact_offsets(self) -> Array:
        """Return foot corners and centres of spheres (C, 3) in the frame of their body, metres."""
        return np.concatenate([self.corner_offsets, self.sphere_offsets])

    @cached_property
    def contact_radii(self) -> Array:
        """Return how far below these (C,) the body touches the floor, metres: 0 for corners."""
        return np.concatenate([np.zeros(len(self.corner_bodies)), self.sphere_radii])

    @cached_property
    def contact_sites(self) -> NDArray[np.int64]:
        """Return the MuJoCo site (C,) of each of these."""
        spheres = [self.model.site(f"sphere_{s}").id for s in range(len(self.sphere_bodies))]
        return np.array([*self.corner_sites, *spheres])

    @cached_property
    def corner_sites(self) -> NDArray[np.int64]:
        """Return the MuJoCo site (8,) of each foot corner."""
        return np.array([self.model.site(f"corner_{c}").id for c in range(len(self.corner_bodies))])
