"""VPoser: a checkpoint in the published format, the network against numpy, the fit."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import (
    CorruptFileError,
    InvalidMotionError,
    InvalidOptionError,
    MissingAssetError,
    RunStateError,
)
from model.vposer import PriorIKSettings, VPoser, fit_poses, load_vposer
from translation.ik import forward_kinematics

SIZES = {
    "encoder_net.1": (63,), "encoder_net.2": (512, 63), "encoder_net.4": (512,),
    "encoder_net.6": (512, 512), "encoder_net.7": (512, 512), "encoder_net.8.mu": (32, 512),
    "encoder_net.8.logvar": (32, 512), "decoder_net.0": (512, 32), "decoder_net.3": (512, 512),
    "decoder_net.5": (126, 512),
}  # fmt: skip
"""Layers of the published checkpoint, by name and weight shape; the first and third normalise."""


def published_state(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}
    for name, shape in SIZES.items():
        scale = 1.0 if len(shape) == 1 else shape[1] ** -0.5
        state[f"{name}.weight"] = scale * torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
        if len(shape) == 1:
            state[f"{name}.running_mean"] = 0.1 * torch.randn(shape, generator=generator)
            state[f"{name}.running_var"] = 0.5 + torch.rand(shape, generator=generator)
            state[f"{name}.num_batches_tracked"] = torch.tensor(1000)
    # poses near rest: first two columns of the identity, a row at a time
    state["decoder_net.5.bias"] += torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(21)
    state["decoder_net.5.weight"] *= 0.3
    return state


def write(folder: Path, content: Any) -> Path:
    path = folder / "snapshots" / "V02_05_epoch=13_val_loss=0.03.ckpt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return folder


def lightning(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """As Lightning saves: a prefix, a body model among the weights, the trainer's own state."""
    weights = {f"vp_model.{name}": tensor for name, tensor in state.items()}
    return {
        "epoch": 13,
        "state_dict": weights | {"bm_train.shapedirs": torch.zeros(5, 3, 10)},
        "optimizer_states": [],
    }


def test_published_checkpoint_with_the_trainers_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("pytorch_lightning.callbacks.early_stopping")
    stopping = type("EarlyStopping", (), {"__module__": module.__name__})
    module.EarlyStopping = stopping  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:  # only to write: readers have no Lightning
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module.__name__):
            patch.setitem(sys.modules, name, module)
        content = lightning(published_state()) | {"callbacks": {stopping: {"wait_count": 3}}}
        write(tmp_path, content)
    network = load_vposer(tmp_path)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    for name, tensor in published_state().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, Any]:
            return (Path.touch, (mark,))

    write(tmp_path, lightning(published_state()) | {"hyper_parameters": Evil()})
    with pytest.raises(CorruptFileError):
        load_vposer(tmp_path)
    assert not mark.exists()


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.01 * x)


def reference_encode(s: dict[str, np.ndarray], pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    def norm(x: np.ndarray, n: str) -> np.ndarray:
        deviation = np.sqrt(s[f"{n}.running_var"] + 1e-5)
        return (x - s[f"{n}.running_mean"]) / deviation * s[f"{n}.weight"] + s[f"{n}.bias"]

    def linear(x: np.ndarray, n: str) -> np.ndarray:
        return x @ s[f"{n}.weight"].T + s[f"{n}.bias"]

    x = norm(pose.reshape(len(pose), 63), "encoder_net.1")
    x = norm(leaky(linear(x, "encoder_net.2")), "encoder_net.4")
    x = linear(linear(x, "encoder_net.6"), "encoder_net.7")
    return linear(x, "encoder_net.8.mu"), np.log1p(np.exp(linear(x, "encoder_net.8.logvar")))


def reference_decode(s: dict[str, np.ndarray], code: np.ndarray) -> np.ndarray:
    x = leaky(code @ s["decoder_net.0.weight"].T + s["decoder_net.0.bias"])
    x = leaky(x @ s["decoder_net.3.weight"].T + s["decoder_net.3.bias"])
    x = x @ s["decoder_net.5.weight"].T + s["decoder_net.5.bias"]
    matrices = np.empty((len(code), 21, 3, 3))
    for index in np.ndindex(len(code), 21):
        # the two columns lie interleaved: (3, 2); Gram-Schmidt by QR, signs made positive
        columns = x[index[0], 6 * index[1] : 6 * index[1] + 6].reshape(3, 2)
        q, r = np.linalg.qr(columns)
        q = q * np.sign(np.diag(r))
        matrices[index] = np.column_stack([q, np.cross(q[:, 0], q[:, 1])])
    return matrices


def test_forward_equals_numpy(tmp_path: Path) -> None:
    network = load_vposer(write(tmp_path, lightning(published_state())))
    arrays = {name: tensor.double().numpy() for name, tensor in published_state().items()}
    rng = np.random.default_rng(0)
    pose, code = 0.5 * rng.normal(size=(5, 21, 3)), rng.normal(size=(5, 32))
    mean, deviation = network.encode(torch.tensor(pose, dtype=torch.float32))
    expected = reference_encode(arrays, pose)
    np.testing.assert_allclose(mean, expected[0], atol=1e-4)
    np.testing.assert_allclose(deviation, expected[1], atol=1e-4)
    matrices = network.decode(torch.tensor(code, dtype=torch.float32))
    np.testing.assert_allclose(matrices, reference_decode(arrays, code), atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0, atol=1e-5)


def test_plain_state_and_other_sizes(tmp_path: Path) -> None:
    small = VPoser(neurons=16, latent=4)
    network = load_vposer(write(tmp_path, small.state_dict()))
    assert network.latent == 4
    assert network.decode(torch.zeros(2, 4)).shape == (2, 21, 3, 3)


def test_other_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"get_smpl_data\.sh"):
        load_vposer(tmp_path / "absent")
    with pytest.raises(CorruptFileError, match="no checkpoint of VPoser v2"):
        load_vposer(write(tmp_path, {"bodyprior_enc_fc1.weight": torch.zeros(2, 2)}))
    cut = published_state()
    del cut["decoder_net.3.bias"]
    with pytest.raises(RunStateError, match=r"decoder_net\.3\.bias"):
        load_vposer(write(tmp_path, lightning(cut)))
    path = next(write(tmp_path, lightning(published_state())).glob("snapshots/*.ckpt"))
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(CorruptFileError):
        load_vposer(tmp_path)


def motion(network: VPoser, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints of poses that the prior can make, facing anywhere, and their latent codes."""
    rng = np.random.default_rng(seed)
    code = rng.normal(size=(frames, network.latent))
    with torch.no_grad():
        body = network.decode(torch.tensor(code, dtype=torch.float32)).double().numpy()
    root = Rotation.from_rotvec(np.outer(rng.uniform(-3, 3, frames), [0.0, 1.0, 0.0]))
    turns = np.concatenate([root.as_matrix()[:, None], body], axis=1)
    quats = Rotation.from_matrix(turns.reshape(-1, 3, 3)).as_quat(scalar_first=True)
    quats = quats.reshape(frames, 22, 4)
    return forward_kinematics(rng.normal(size=(frames, 3)), quats, DEFAULT_SKELETON), code


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> VPoser:
    return load_vposer(write(tmp_path_factory.mktemp("vposer"), lightning(published_state())))


def test_fit_reaches_poses_of_the_prior(network: VPoser) -> None:
    joints, code = motion(network, frames=4, seed=1)
    result = fit_poses(joints, DEFAULT_SKELETON, network)
    assert result.mean_error_mm < 20
    # at least as good as the poses that made the joints, whose loss is that of their codes alone
    data = 10.0 * np.square(result.joints - joints).sum()
    assert data < 0.01 * np.square(code).sum()
    freer = fit_poses(joints, DEFAULT_SKELETON, network, PriorIKSettings(prior=0.0, tolerance=1e-9))
    assert freer.mean_error_mm < result.mean_error_mm
    reached = forward_kinematics(result.root_position, result.local_quat_wxyz, DEFAULT_SKELETON)
    np.testing.assert_array_equal(reached, result.joints)
    # signs are continuous
    assert (np.sum(result.local_quat_wxyz[1:] * result.local_quat_wxyz[:-1], axis=-1) >= 0).all()


def test_the_prior_pulls_to_its_mean(network: VPoser) -> None:
    joints, _ = motion(network, frames=2, seed=2)

    def code_size(prior: float) -> float:
        quats = fit_poses(
            joints, DEFAULT_SKELETON, network, PriorIKSettings(prior=prior)
        ).local_quat_wxyz[:, 1:]
        with torch.no_grad():
            mean = network.decode(torch.zeros(1, 32)).double().numpy()[0]
        centre = Rotation.from_matrix(np.tile(mean, (len(quats), 1, 1)))
        found = Rotation.from_quat(quats.reshape(-1, 4), scalar_first=True)
        return float((centre.inv() * found).magnitude().mean())

    assert code_size(1e3) < 0.02 < code_size(0.01)


def test_fit_is_repeatable(network: VPoser) -> None:
    joints, _ = motion(network, frames=2, seed=3)
    first = fit_poses(joints, DEFAULT_SKELETON, network)
    again = fit_poses(joints, DEFAULT_SKELETON, network)
    np.testing.assert_array_equal(first.local_quat_wxyz, again.local_quat_wxyz)


def test_fit_of_bad_input(network: VPoser) -> None:
    for joints in (np.zeros((2, 21, 3)), np.full((2, 22, 3), np.nan), np.zeros((1, 2, 22, 3))):
        with pytest.raises(InvalidMotionError):
            fit_poses(joints, DEFAULT_SKELETON, network)
    faults: tuple[dict[str, Any], ...] = ({"data": 0.0}, {"prior": -1.0}, {"iterations": 0})
    for wrong in faults:
        with pytest.raises(InvalidOptionError):
            PriorIKSettings(**wrong)
