"""VPoser v2.0, a learned prior of human poses, and inverse kinematics against it.

Network of Pavlakos et al. 2019 ("Expressive Body Capture") in its second release: a variational
autoencoder of the 21 body joints behind the pelvis. The names of its parts are those of the
published checkpoint, which each user fetches (`body_models.vposer`). `model.ik` offers the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor, nn
from torch.nn import functional as F
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from body_models.skeleton import JOINT_COUNT, Skeleton, check_joints, kabsch
from body_models.vposer import FETCH, FOLDER, find_vposer
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, fetch_again
from model.checkpoint import load_state
from model.published import read_published
from translation.ik import IKResult, forward_kinematics

BODY_JOINTS = JOINT_COUNT - 1
TORSO = (1, 2, 3, 16, 17)
"""Hips, spine and shoulders: how they lie tells the root's orientation before any pose is known."""
_PREFIX = "vp_model."
_TRAINER = ("pytorch_lightning.", "lightning.", "human_body_prior.")


class VPoser(nn.Module):
    """Encoder and decoder. Dropout and batch statistics act only in training mode.

    Args:
        neurons: width of the hidden layers (published: 512).
        latent: size of the latent code (published: 32).
    """

    def __init__(self, neurons: int = 512, latent: int = 32) -> None:
        super().__init__()
        self.latent = latent
        self.encoder_net = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(3 * BODY_JOINTS),
            nn.Linear(3 * BODY_JOINTS, neurons),
            nn.LeakyReLU(),
            nn.BatchNorm1d(neurons),
            nn.Dropout(0.1),
            nn.Linear(neurons, neurons),
            nn.Linear(neurons, neurons),
            _NormalHead(neurons, latent),
        )
        self.decoder_net = nn.Sequential(
            nn.Linear(latent, neurons),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
            nn.Linear(neurons, neurons),
            nn.LeakyReLU(),
            nn.Linear(neurons, 6 * BODY_JOINTS),
        )

    def encode(self, pose_body: Tensor) -> tuple[Tensor, Tensor]:
        """Encode axis-angle (B, 21, 3) of joints after the pelvis: mean, deviation (B, latent)."""
        return self.encoder_net(pose_body)

    def decode(self, code: Tensor) -> Tensor:
        """Decode latents (B, latent) to rotation matrices (B, 21, 3, 3) relative to the parents."""
        pairs = self.decoder_net(code).reshape(-1, BODY_JOINTS, 3, 2)
        first = F.normalize(pairs[..., 0], dim=-1)
        along = (first * pairs[..., 1]).sum(dim=-1, keepdim=True)
        second = F.normalize(pairs[..., 1] - along * first, dim=-1)
        return torch.stack([first, second, torch.cross(first, second, dim=-1)], dim=-1)


class _NormalHead(nn.Module):
    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.mu = nn.Linear(width, latent)
        self.logvar = nn.Linear(width, latent)  # its published name; softplus makes it a deviation

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu(hidden), F.softplus(self.logvar(hidden))


class _Inert(dict):
    """What stands for the trainer's own classes in a checkpoint: it holds them and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()


def load_vposer(folder: Path | str = FOLDER, device: torch.device | str = "cpu") -> VPoser:
    """Load VPoser from a folder as unpacked from V02_05.zip: evaluation mode, gradients off.

    Raises:
        MissingAssetError: it is not there; tells where it comes from.
        CorruptFileError: the checkpoint cannot be read, or is none of VPoser v2.
        RunStateError: tensors are missing, unexpected, or of other shapes.
    """
    path = find_vposer(folder)
    with safe_globals(_trainer_classes(path)):
        content = read_published(path, fetch_again(path, FETCH))
    state = _network_state(content.get("state_dict", content))
    try:
        latent = state["encoder_net.8.mu.weight"].shape[0]
        neurons = state["decoder_net.0.weight"].shape[0]
    except KeyError as error:
        raise CorruptFileError(
            "this is no checkpoint of VPoser v2",
            path=path,
            found=f"no tensor {error}, but {len(state)} others",
            remedy="take V02_05.zip of smpl-x.is.tue.mpg.de (version 1 has another network)",
        ) from error
    network = VPoser(neurons, latent)
    load_state(network, state, path)
    return network.to(device).eval().requires_grad_(False)


def _trainer_classes(path: Path) -> list[Any]:
    """Replace each of the trainer's classes that a checkpoint names by one that does nothing.

    Lightning keeps its callbacks' state beside the weights; torch's safe reader would refuse it.
    """
    try:
        names = get_unsafe_globals_in_checkpoint(path)
    except (ValueError, RuntimeError, OSError):  # damaged, or of before torch 1.6: the reader tells
        return []
    return [
        (type(name.rpartition(".")[2], (_Inert,), {}), name)
        for name in names
        if name.startswith(_TRAINER)
    ]


def _network_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's tensors: the checkpoint of the trainer also holds a body model."""
    plain = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    return {k: v for k, v in plain.items() if k.startswith(("encoder_net.", "decoder_net."))}


@dataclass(frozen=True)
class PriorIKSettings:
    """Weights and stopping rule of `fit_poses`; defaults as published.

    Attributes:
        data: weight of squared joint distances (1 / m^2).
        prior: weight of squared latent values.
        iterations, history, tolerance: of L-BFGS with strong Wolfe line search.
    """

    data: float = 10.0
    prior: float = 0.01
    iterations: int = 300
    history: int = 200
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        """Refuse what the optimiser cannot work with."""
        if min(astuple(self)) < 0 or self.data == 0 or min(self.iterations, self.history) < 1:
            raise InvalidOptionError("settings of the fit out of range", found=self)


def fit_poses(
    joints: ArrayLike,
    skeleton: Skeleton,
    vposer: VPoser,
    settings: PriorIKSettings | None = None,
) -> IKResult:
    """Fit poses that VPoser finds likely to joints (F, 22, 3), metres, y up: one L-BFGS problem.

    Free are, per frame, the latent code, the root's orientation and the pelvis. Unlike the
    published fit, the root starts from the torso's orientation instead of upright, and clips are
    not joined into one problem, so that a clip's result does not depend on its neighbours. The
    leaves (feet, head, wrists) turn as VPoser has them, which positions do not tell.

    Args:
        joints: the motion.
        skeleton: of the SMPL family, ``BodyModel.skeleton(betas)``: VPoser's rotations are relative
            to that rest pose.
        vposer: as `load_vposer` returns it.
        settings: weights and stopping rule.

    Raises:
        InvalidMotionError: joints of a wrong shape, no frame, or values that are not finite.
    """
    chosen = settings or PriorIKSettings()
    targets = check_joints(joints)
    if targets.ndim != 3:
        raise InvalidMotionError(
            "joints are not one motion", found=targets.shape, expected="(frames, 22, 3)"
        )
    device = next(vposer.parameters()).device
    wanted = torch.tensor(targets, dtype=torch.float32, device=device)
    offsets = torch.tensor(skeleton.offsets, dtype=torch.float32, device=device)
    rest = skeleton.rest_joints[list(TORSO)]
    torso = targets[:, TORSO] - targets[:, :1]
    start = torch.tensor(kabsch(np.broadcast_to(rest, torso.shape), torso)).to(wanted)

    with torch.no_grad():
        mean, _ = vposer.encode(wanted.new_zeros(1, BODY_JOINTS, 3))
    code = mean.expand(len(wanted), -1).clone().requires_grad_()
    turn = wanted.new_zeros(len(wanted), 3).requires_grad_()
    pelvis = wanted[:, 0].clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [code, turn, pelvis],
        max_iter=chosen.iterations,
        history_size=chosen.history,
        tolerance_change=chosen.tolerance,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        local = torch.cat([(_rotations(turn) @ start)[:, None], vposer.decode(code)], dim=1)
        reached = _positions(pelvis, local, offsets, skeleton.parents)
        value = chosen.data * (reached - wanted).square().sum()
        value = value + chosen.prior * code.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)  # type: ignore[arg-type]  # torch wants a float, and takes a tensor
    with torch.no_grad():
        local = torch.cat([(_rotations(turn) @ start)[:, None], vposer.decode(code)], dim=1)
    return _result(pelvis.detach(), local, targets, skeleton)


def _rotations(vectors: Tensor) -> Tensor:
    """Convert axis-angle vectors (F, 3) to rotation matrices (F, 3, 3), smooth at zero."""
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).reshape(-1, 3, 3)
    return torch.linalg.matrix_exp(cross)


def _positions(pelvis: Tensor, local: Tensor, offsets: Tensor, parents: tuple[int, ...]) -> Tensor:
    """Compute joints (F, 22, 3) of local rotation matrices (F, 22, 3, 3)."""
    world, joints = [local[:, 0]], [pelvis]
    for joint in range(1, JOINT_COUNT):
        parent = parents[joint]
        joints.append(joints[parent] + world[parent] @ offsets[joint])
        world.append(world[parent] @ local[:, joint])
    return torch.stack(joints, dim=1)


def _result(
    pelvis: Tensor, local: Tensor, targets: NDArray[np.float64], skeleton: Skeleton
) -> IKResult:
    matrices = local.cpu().double().numpy()
    quats = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat(scalar_first=True)
    quats = quats.reshape(*matrices.shape[:2], 4)
    same = np.sum(quats[1:] * quats[:-1], axis=-1, keepdims=True) >= 0
    quats[1:] *= np.cumprod(np.where(same, 1.0, -1.0), axis=0)
    root = pelvis.cpu().double().numpy()
    joints = forward_kinematics(root, quats, skeleton)
    error_mm = 1000.0 * np.linalg.norm(joints - targets, axis=-1)
    return IKResult(root, quats, joints, float(error_mm.mean()), float(error_mm.max()), skeleton)
