"""Frozen outputs of the parts that agree to rounding with the published implementations.

They were compared with the originals on random weights and must not move. Weights and inputs come
from NumPy by the names of the parameters, so that no version of torch changes them. To freeze new
parts: `python -m tests.frozen.test_published_parts`; a part that is there already stays as it is.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import DEFAULT_SKELETON
from body_models.smpl import load_body_model, skin
from diffusion.guidance import guided
from diffusion.noise import ItemNoise
from diffusion.process import Diffusion, respace
from diffusion.samplers import ddim, ddpm
from diffusion.schedules import cosine_betas, linear_betas
from eval.metrics.frechet import fid
from eval.metrics.matching import match
from model.context_unet import ContextUNet, ContextUNetConfig
from model.lenet import LeNet, LeNetFeatures
from model.mdm import MDM, MDMConfig
from model.mdm_decoder import MDMDecoder
from model.t2m_evaluator import T2MEvaluator
from model.vposer import VPoser
from translation.humanml import joints_to_vectors, vectors_to_joints

FROZEN = Path(__file__).with_name("published_parts.npz")
CONFIG = MDMConfig(263, 12, 16, 2, 4, 32, 0.1, 24, mask_padding=False)


def filled(network: nn.Module) -> nn.Module:
    """The network in evaluation mode with parameters told by their names."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            draw = np.random.default_rng(zlib.crc32(name.encode())).normal(size=parameter.shape)
            parameter.copy_(torch.from_numpy(draw / np.sqrt(max(parameter.shape[-1], 4))))
    return network.eval().requires_grad_(False)


def numbers(*shape: int, key: int = 0) -> Tensor:
    """Standard normal float32."""
    draw = np.random.default_rng([key, *shape]).normal(size=shape)
    return torch.from_numpy(draw.astype(np.float32))


def encoder() -> Tensor:
    lengths = torch.tensor([20, 8])
    return filled(MDM(CONFIG))(numbers(2, 20, 263), torch.tensor([3, 900]), numbers(2, 12), lengths)


def decoder() -> Tensor:
    counts, lengths = torch.tensor([5, 2]), torch.tensor([20, 8])
    network = filled(MDMDecoder(CONFIG))
    return network(numbers(2, 20, 263), torch.tensor([3, 9]), numbers(2, 5, 12), counts, lengths)


def denoise(x: Tensor, t: Tensor) -> Tensor:
    """Stands for a network; its answers stay within bounds."""
    return torch.tanh(x + 0.001 * t.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1)))


def sampled(betas: np.ndarray, kind: str, sampler: str) -> Tensor:
    chain, noise = Diffusion(betas, kind), ItemNoise([1, 2])  # type: ignore[arg-type]
    if sampler == "ddpm":
        return ddpm(chain, denoise, noise, (2, 5, 3))
    if sampler == "respaced":
        return ddpm(respace(chain, 10), denoise, noise, (2, 5, 3))
    return ddim(chain, denoise, noise, (2, 5, 3), "ddim10", eta=0.5)


def digits_ddpm() -> Tensor:
    """The chain of the MNIST experiment: variance beta, the last step left out."""
    chain = Diffusion(linear_betas(41, 1e-4, 0.02), "eps", variance="large")
    return ddpm(chain, denoise, ItemNoise([1, 2]), (2, 1, 4, 4), last=1)


def guidance() -> Tensor:
    def predict(x: Tensor, t: Tensor, text: Tensor, dropped: Tensor) -> Tensor:
        return x + t[:, None] + text.masked_fill(dropped[:, None], 0.0) ** 2

    return guided(predict, [numbers(3, 6)], 2.5)(numbers(3, 6, key=1), torch.arange(3))


def loss() -> Tensor:
    chain, mask = Diffusion(cosine_betas(1000), "x0"), torch.arange(9) < torch.tensor([[9], [4]])
    x0, noise = numbers(2, 9, 263), numbers(2, 9, 263, key=1)
    return chain.training_loss(denoise, x0, torch.tensor([10, 700]), noise, mask)


def t2m_evaluator() -> Tensor:
    network = filled(T2MEvaluator())
    motions = network.embed_motions(numbers(2, 196, 263), torch.tensor([40, 196]))
    tags = torch.nn.functional.one_hot(torch.arange(7) % 15, 15).float().expand(2, -1, -1)
    texts = network.embed_texts(numbers(2, 7, 300), tags, torch.tensor([7, 4]))
    return torch.stack([motions, texts])[..., :16]


def matching() -> np.ndarray:
    found = match(numbers(64, 8).numpy(), numbers(64, 8, key=1).numpy())
    return np.array([found.matching_score, *found.r_precision])


def walk() -> np.ndarray:
    """(30, 22, 3): somebody who turns while swinging all limbs."""
    rest = DEFAULT_SKELETON.rest_joints - [0.0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0.0]
    time = 0.05 * np.arange(30)[:, None]
    swing = 0.1 * np.sin(4.0 * time + np.arange(22))[..., None] * [0.3, 0.2, 1.0]
    turn, x, z = 2.0 * time, (rest + swing)[..., 0], (rest + swing)[..., 2]
    y = (rest + swing)[..., 1]
    turned = [np.cos(turn) * x + np.sin(turn) * z, y, np.cos(turn) * z - np.sin(turn) * x]
    return np.stack(turned, axis=-1) + time[..., None] * [0.3, 0.0, 1.2]


def encoding() -> np.ndarray:
    return joints_to_vectors(walk())[::4]


def recovery() -> np.ndarray:
    return vectors_to_joints(joints_to_vectors(walk()))[::4]


def vposer() -> Tensor:
    network = filled(VPoser(neurons=32, latent=8))
    mean, deviation = network.encode(0.3 * numbers(2, 21, 3))
    return torch.cat([mean.flatten(), deviation.flatten(), network.decode(mean).flatten()])


def smpl(kind: str, tmp_path: Path) -> np.ndarray:
    path = write_npz(tmp_path / f"{kind}.npz", body_content(kind, vertices=30))
    poses = 0.4 * numbers(2, 24, 3).numpy()
    vertices, joints = skin(load_body_model(path), poses, numbers(5).numpy(), numbers(2, 3).numpy())
    return np.concatenate([vertices, joints], axis=1)


def context_unet() -> Tensor:
    config = ContextUNetConfig(400, 8, normalisation="batch", negative_keep_mask=True)
    network = filled(ContextUNet(config))
    arguments = numbers(2, 1, 28, 28), torch.tensor([3, 390]), torch.tensor([7, 0])
    plain = network(*arguments, torch.tensor([False, True]))
    return torch.stack([plain, network.guided(*arguments, 1.5)])[..., ::4, ::4]


def lenet() -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    return LeNetFeatures(filled(LeNet())).features(images)  # type: ignore[arg-type]


def frechet() -> np.ndarray:
    shifted = 1.3 * numbers(60, 6, key=1).numpy() + 0.2
    return np.array([fid(numbers(50, 6).numpy(), shifted)])


PARTS: dict[str, Callable[..., Tensor | np.ndarray]] = {
    "mdm_trans_enc": encoder,
    "mdm_trans_dec": decoder,
    "sampler_ddpm": lambda: sampled(cosine_betas(50), "x0", "ddpm"),
    "sampler_ddpm_eps": lambda: sampled(linear_betas(50, 1e-4, 0.02), "eps", "ddpm"),
    "sampler_respaced": lambda: sampled(cosine_betas(50), "x0", "respaced"),
    "sampler_ddim": lambda: sampled(cosine_betas(50), "x0", "ddim"),
    "sampler_mnist": digits_ddpm,
    "guidance": guidance,
    "loss": loss,
    "t2m_evaluator": t2m_evaluator,
    "matching": matching,
    "encoding_263": encoding,
    "recovery_263": recovery,
    "vposer": vposer,
    "context_unet": context_unet,
    "lenet": lenet,
    "fid": frechet,
}
BODIES = ("smpl", "smplh", "smplx")


def compare(name: str, found: Tensor | np.ndarray) -> None:
    with np.load(FROZEN) as content:
        expected = content[name]
    assert expected.std() > 0 or expected.size == 1
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_agrees_with_the_published_one_stays(name: str) -> None:
    compare(name, PARTS[name]())


@pytest.mark.parametrize("kind", BODIES)
def test_the_smpl_family_stays(kind: str, tmp_path: Path) -> None:
    compare(kind, smpl(kind, tmp_path))


def freeze(folder: Path) -> None:
    """Add what is not frozen yet."""
    kept = dict(np.load(FROZEN)) if FROZEN.is_file() else {}
    found = {name: np.asarray(part(), np.float32) for name, part in PARTS.items()}
    found |= {kind: np.asarray(smpl(kind, folder), np.float32) for kind in BODIES}
    np.savez_compressed(FROZEN, **(found | kept))


if __name__ == "__main__":
    freeze(Path(sys.argv[1]))
