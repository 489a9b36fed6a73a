from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from diffusion.guidance import guided
from loop.errors import InvalidOptionError
from model.context_unet import ContextUNet, ContextUNetConfig
from model.seeding import seeded

PUBLISHED = ContextUNetConfig(400, normalisation="batch", negative_keep_mask=True)


@pytest.fixture(scope="session")
def plain(repository: Path) -> ModuleType:
    """The published model, written a second time from its description."""
    path = repository / "benchmarks" / "mnist_plain.py"
    specification = importlib.util.spec_from_file_location("mnist_plain", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def batch(count: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(count, 1, 28, 28, generator=rng)
    return x, torch.arange(1, count + 1) * 7, torch.arange(count) * 3 % 10


def copy_weights(ours: ContextUNet, theirs: torch.nn.Module) -> None:
    """Part by part, by name; inside a part both have the same layers in the same order."""
    parts = {
        "init": [ours.inward],
        "down1": [ours.downs[0]],
        "down2": [ours.downs[1]],
        "time1": [ours.time[0]],
        "time2": [ours.time[1]],
        "class1": [ours.context[0]],
        "class2": [ours.context[1]],
        "up0": [ours.expand],
        "up1": [ours.enlarge[0], ours.ups[0]],
        "up2": [ours.enlarge[1], ours.ups[1]],
        "out": [ours.join, ours.outward],
    }
    assert set(parts) == {name for name, _ in theirs.named_children()} - {"pool", "to_vec"}
    for name, modules in parts.items():
        source = list(getattr(theirs, name).state_dict().values())
        target = [v for module in modules for v in module.state_dict().values()]
        for a, b in zip(target, source, strict=True):
            a.copy_(b)


def test_the_published_network_is_the_published_network(plain: ModuleType) -> None:
    theirs = seeded(lambda: plain.PlainUNet(16), 0)
    ours = ContextUNet(ContextUNetConfig(400, 16, 1, "batch", negative_keep_mask=True))
    copy_weights(ours, theirs)
    x, t, labels = batch()
    dropped = torch.tensor([False, True, False, False])
    for network in (ours, theirs):
        network.train()  # moves the running statistics, in both alike
    for _ in range(2):
        found = ours(x, t, labels, dropped)
        expected = theirs(x, labels, t[:, None] / 400, dropped.float())
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
        ours.eval()
        theirs.eval()


def test_the_published_size_is_6_6_million_parameters() -> None:
    def size(config: ContextUNetConfig) -> int:
        with torch.device("meta"):
            return sum(p.numel() for p in ContextUNet(config).parameters())

    assert size(PUBLISHED) == 6_585_601
    assert size(ContextUNetConfig(400, 32, 2)) < 400_000


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("normalisation", ["batch", "group"])
def test_shared_guidance_is_guidance(patch: int, normalisation) -> None:
    """Against the general implementation, which runs the whole network twice."""
    network = seeded(lambda: ContextUNet(ContextUNetConfig(400, 16, patch, normalisation)), 1)
    network.eval()
    x, t, labels = batch()
    with torch.no_grad():
        for weights in network.context.parameters():
            weights.mul_(30)  # an untrained network hardly heeds the class
        found = network.guided(x, t, labels, 1.5)
        torch.testing.assert_close(
            found, guided(network, [labels], 1.5)(x, t), atol=2e-6, rtol=1e-4
        )
        kept, hidden = (network(x, t, labels, torch.full((4,), d)) for d in (False, True))
        w = 0.5
        torch.testing.assert_close(found, (1 + w) * kept - w * hidden, atol=2e-6, rtol=1e-4)
        assert (kept - hidden).abs().max() > 1e-4


def test_the_published_keep_mask_turns_the_class_vector_round() -> None:
    x, t, labels = batch()
    networks = [
        seeded(lambda n=n: ContextUNet(ContextUNetConfig(400, 8, 2, "group", n)), 2)
        for n in (False, True)
    ]
    seen: list[torch.Tensor] = []
    for network in networks:
        network.context[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        network(x, t, labels, torch.tensor([False, False, True, False]))
    one_hot = torch.nn.functional.one_hot(labels, 10).float()
    one_hot[2] = 0
    assert torch.equal(seen[0], one_hot)
    assert torch.equal(seen[1], -one_hot)


def test_only_batch_normalisation_drifts_where_no_weight_moves() -> None:
    """The published network changes at learning rate 0, and with it FID; ours does not."""
    x, t, labels = batch()
    for normalisation, drifts in (("batch", True), ("group", False)):
        network = ContextUNet(ContextUNetConfig(400, 8, 2, normalisation))
        before = network.eval()(x, t, labels, torch.zeros(4, dtype=torch.bool))
        network.train()(x, t, labels, torch.zeros(4, dtype=torch.bool))
        after = network.eval()(x, t, labels, torch.zeros(4, dtype=torch.bool))
        assert torch.equal(before, after) != drifts


def test_sizes_that_cannot_be_are_refused() -> None:
    for changes in ({"n_feat": 12}, {"n_feat": 0}, {"patch": 3}):
        with pytest.raises(InvalidOptionError, match="multiple of 8"):
            ContextUNetConfig(400, **changes)
