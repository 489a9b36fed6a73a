"""A stage in MuJoCo's renderer: checker floor, sky, one shadow-casting light, a following camera.

What stands on it is passed in frame by frame: simple shapes, arrows, or a mesh. MuJoCo is z up;
points come in y up and are turned here, as in `uhc.humanoid.model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array

from uhc.humanoid.model import yup_to_zup
from uhc.humanoid.untyped import mujoco
from visualize.arms import Colour
from visualize.video.camera import FIELD_OF_VIEW, Camera
from visualize.video.floor import DARK, LIGHT, SKY, TILE_M
from visualize.video.offscreen import open_context

Array = NDArray[np.float64]

SAMPLES, SHADOW_MAP = 4, 2048
"""Antialiasing and the side of the shadow map: what 10 frames a second on one core allow."""
EXTENT_M = 5.0
"""Half the width of the region with shadows."""
SUN = np.array([0.22, 0.38, -0.9])
"""Direction of the light, z up: high and over the viewer's right shoulder in view `side`."""
SUN_DISTANCE_M = 5.0
AMBIENT, DIFFUSE = 0.38, 0.3
SUNSHINE = 0.55
SHINE = 0.25
MOST_SHAPES = 400


@dataclass(frozen=True)
class Shape:
    """A geom: MuJoCo's `kind` and `size` (3,), centre (3,), rotation (3, 3); metres, z up."""

    kind: Any
    size: Array
    centre: Array
    rotation: Array
    colour: Colour
    opacity: float = 1.0


@dataclass(frozen=True)
class Arrow:
    """From `start` along `vector`, both (3,) metres, z up."""

    start: Array
    vector: Array
    colour: Colour
    width: float = 0.02


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles (N, 3) over V vertices, whose places come frame by frame."""

    faces: NDArray[np.int64]
    vertices: int


class Stage:
    """Draws square pictures of `size` pixels; one OpenGL context for its life.

    Raises MissingAssetError where there is no OpenGL without a screen.
    """

    def __init__(self, size: int, mesh: Mesh | None = None) -> None:
        self._size, self._mesh = size, mesh
        self._model = _spec(size, mesh).compile()
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._gl = open_context(size, size)
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(self._model, maxgeom=MOST_SHAPES)
        self._eye = mujoco.MjvCamera()
        self._options = mujoco.MjvOption()
        self._pixels = np.empty((size, size, 3), np.uint8)
        if mesh is not None:
            corner = mesh.faces.ravel()
            owner = np.repeat(np.arange(len(mesh.faces)), 3)
            ones = np.ones(len(corner), np.float32)
            self._corners = csr_array(
                (ones, (corner, owner)), shape=(mesh.vertices, len(mesh.faces))
            )

    def picture(
        self,
        camera: Camera,
        frame: int,
        focus: Array,
        shapes: Sequence[Shape | Arrow] = (),
        vertices: NDArray[np.float32] | None = None,
        colour: Colour = (150, 158, 170),
    ) -> Image.Image:
        """Draw a frame: `shapes`, and the mesh with `vertices` (V, 3), y up, in `colour`.

        The light stays with `focus` (3,), y up, so that shadows are where the body is.
        """
        self._aim(camera, frame)
        if vertices is not None:
            self._model.skin_rgba[0] = [*np.array(colour) / 255, 1.0]
        mujoco.mjv_updateScene(
            self._model, self._data, self._options, None, self._eye,
            mujoco.mjtCatBit.mjCAT_ALL, self._scene,
        )  # fmt: skip
        self._scene.flags[mujoco.mjtRndFlag.mjRND_HAZE] = 1
        sun = SUN / np.linalg.norm(SUN)
        light = self._scene.lights[self._scene.nlight - 1]
        light.dir[:] = sun
        light.pos[:] = yup_to_zup(focus) - SUN_DISTANCE_M * sun
        for shape in shapes:
            self._add(shape)
        if vertices is not None:
            self._dress(vertices)
        size = mujoco.MjrRect(0, 0, self._size, self._size)
        self._gl.make_current()
        mujoco.mjr_render(size, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, size, self._context)
        return Image.fromarray(self._pixels[::-1].copy())

    def _aim(self, camera: Camera, frame: int) -> None:
        """Take the place of our camera.

        MuJoCo's of azimuth 90 looks along +y, ours of 0 along -z of the y-up frame, which is the
        same direction.
        """
        self._eye.lookat[:] = yup_to_zup(camera.targets[frame])
        self._eye.distance = camera.distance
        self._eye.azimuth = camera.view.azimuth + 90.0
        self._eye.elevation = -camera.view.elevation

    def _add(self, shape: Shape | Arrow) -> None:
        geom = self._scene.geoms[self._scene.ngeom]
        opacity = 1.0 if isinstance(shape, Arrow) else shape.opacity
        rgba = np.array([*np.array(shape.colour) / 255, opacity], np.float32)
        if isinstance(shape, Arrow):
            arrow = mujoco.mjtGeom.mjGEOM_ARROW
            mujoco.mjv_initGeom(geom, arrow, np.zeros(3), np.zeros(3), np.eye(3).ravel(), rgba)
            # MuJoCo draws an arrow half as long as the line that it is given.
            end = shape.start + 2.0 * shape.vector
            mujoco.mjv_connector(geom, arrow, shape.width, shape.start, end)
            geom.emission = 0.5
        else:
            mujoco.mjv_initGeom(
                geom, shape.kind, shape.size, shape.centre, shape.rotation.ravel(), rgba
            )
            geom.category = mujoco.mjtCatBit.mjCAT_DYNAMIC  # decoration casts no shadow
            geom.specular = SHINE
        self._scene.ngeom += 1

    def _dress(self, vertices: NDArray[np.float32]) -> None:
        """Put the mesh where `vertices` say, with smooth normals."""
        assert self._mesh is not None
        points = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=-1)
        a, b, c = (points[self._mesh.faces[:, corner]] for corner in range(3))
        normals = self._corners @ np.cross(b - a, c - a)  # weighted by area
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self._scene.skinvert[:] = points.ravel()
        self._scene.skinnormal[:] = normals.ravel()


def _spec(size: int, mesh: Mesh | None) -> Any:
    spec = mujoco.MjSpec()
    visual = spec.visual
    visual.global_.offwidth = visual.global_.offheight = size
    visual.global_.fovy = FIELD_OF_VIEW
    visual.quality.offsamples, visual.quality.shadowsize = SAMPLES, SHADOW_MAP
    visual.headlight.ambient, visual.headlight.diffuse = [AMBIENT] * 3, [DIFFUSE] * 3
    visual.headlight.specular = [0.05] * 3
    visual.map.haze = 0.3
    sky, light, dark = (np.broadcast_to(c, 3) / 255 for c in (SKY, float(LIGHT), float(DARK)))
    visual.rgba.haze = [*sky, 1.0]
    spec.stat.extent, spec.stat.center = EXTENT_M, [0.0, 0.0, 1.0]
    texture, builtin = mujoco.mjtTexture, mujoco.mjtBuiltin
    spec.add_texture(
        name="sky", type=texture.mjTEXTURE_SKYBOX, builtin=builtin.mjBUILTIN_FLAT,
        rgb1=sky, rgb2=sky, width=8, height=48,
    )  # fmt: skip
    spec.add_texture(
        name="checks", type=texture.mjTEXTURE_2D, builtin=builtin.mjBUILTIN_CHECKER,
        rgb1=light, rgb2=dark, width=256, height=256,
    )  # fmt: skip
    # A texture of the kind holds two checks a side.
    material = spec.add_material(name="floor", texrepeat=[0.5 / TILE_M] * 2, texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "checks"
    world = spec.worldbody
    world.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05], material="floor")
    world.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=SUN, diffuse=[SUNSHINE] * 3,
        specular=[0.1] * 3, castshadow=True,
    )  # fmt: skip
    if mesh is not None:
        _add_skin(spec, mesh)
    return spec


def _add_skin(spec: Any, mesh: Mesh) -> None:
    """Add a skin whose vertices `Stage` replaces in every frame; MuJoCo wants some bone for it."""
    bone = spec.worldbody.add_body(name="bone")
    bone.add_geom(size=[0.001, 0, 0], rgba=[0, 0, 0, 0], contype=0, conaffinity=0)
    skin = spec.add_skin(name="mesh")
    skin.vert = [0.0] * (3 * mesh.vertices)
    skin.face = mesh.faces.ravel().tolist()
    skin.bodyname = ["bone"]
    skin.bindpos, skin.bindquat = [0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    skin.vertid, skin.vertweight = [list(range(mesh.vertices))], [[1.0] * mesh.vertices]
