from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from loop.errors import CorruptFileError, MissingAssetError, RunStateError
from model.t2m_evaluator import T2MEvaluator, load_t2m_evaluator

State = dict[str, Tensor]


def gru_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for end in ("l0", "l0_reverse"):
        shapes |= {f"gru.weight_ih_{end}": (3 * hidden, hidden)}
        shapes |= {f"gru.weight_hh_{end}": (3 * hidden, hidden)}
        shapes |= {f"gru.bias_ih_{end}": (3 * hidden,), f"gru.bias_hh_{end}": (3 * hidden,)}
    return shapes


def sequence_shapes(features: int, hidden: int) -> dict[str, tuple[int, ...]]:
    return {
        "hidden": (2, 1, hidden),
        "input_emb.weight": (hidden, features),
        "input_emb.bias": (hidden,),
        **gru_shapes(hidden),
        "output_net.0.weight": (hidden, 2 * hidden),
        "output_net.0.bias": (hidden,),
        "output_net.1.weight": (hidden,),
        "output_net.1.bias": (hidden,),
        "output_net.3.weight": (512, hidden),
        "output_net.3.bias": (512,),
    }


# Names and shapes of the published finest.tar, written down one by one.
SHAPES = {
    "movement_encoder": {
        "main.0.weight": (512, 259, 4),
        "main.0.bias": (512,),
        "main.3.weight": (512, 512, 4),
        "main.3.bias": (512,),
        "out_net.weight": (512, 512),
        "out_net.bias": (512,),
    },
    "text_encoder": {
        "pos_emb.weight": (300, 15),
        "pos_emb.bias": (300,),
        **sequence_shapes(300, 512),
    },
    "motion_encoder": sequence_shapes(512, 1024),
}


@pytest.fixture(scope="module")
def parts() -> dict[str, State]:
    generator = torch.Generator().manual_seed(2)
    return {
        part: {
            name: torch.randn(shape, generator=generator) / math.sqrt(max(shape) / 2)
            for name, shape in shapes.items()
        }
        for part, shapes in SHAPES.items()
    }


@pytest.fixture(scope="module")
def file(parts: dict[str, State], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("t2m") / "finest.tar"
    optimizer = {"state": {}, "param_groups": [{"lr": 1e-4, "params": [0, 1]}]}
    torch.save({"epoch": 7, "iter": 7000, "opt_text_encoder": optimizer, **parts}, path)
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> T2MEvaluator:
    return load_t2m_evaluator(file)


def gru_end(state: State, steps: Tensor, reverse: bool) -> Tensor:
    """Last state of a GRU over steps (L, hidden), gate by gate (Cho et al., arXiv 1406.1078)."""
    end = "l0_reverse" if reverse else "l0"
    h = state["hidden"][int(reverse), 0]
    for x in steps.flip(0) if reverse else steps:
        inward = (state[f"gru.weight_ih_{end}"] @ x + state[f"gru.bias_ih_{end}"]).chunk(3)
        own = (state[f"gru.weight_hh_{end}"] @ h + state[f"gru.bias_hh_{end}"]).chunk(3)
        reset, update = torch.sigmoid(inward[0] + own[0]), torch.sigmoid(inward[1] + own[1])
        h = (1 - update) * torch.tanh(inward[2] + reset * own[2]) + update * h
    return h


def sequence_reference(state: State, x: Tensor) -> Tensor:
    """x (L, features) of one item without padding -> (512,)."""
    steps = x @ state["input_emb.weight"].T + state["input_emb.bias"]
    both = torch.cat([gru_end(state, steps, False), gru_end(state, steps, True)])
    y = state["output_net.0.weight"] @ both + state["output_net.0.bias"]
    y = (y - y.mean()) / torch.sqrt(y.var(correction=0) + 1e-5)
    y = y * state["output_net.1.weight"] + state["output_net.1.bias"]
    y = torch.where(y > 0, y, 0.2 * y)
    return state["output_net.3.weight"] @ y + state["output_net.3.bias"]


def halved(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Kernel 4, stride 2, one zero at each end: x (L, C) -> (L / 2, C')."""
    padded = nn.functional.pad(x, (0, 0, 1, 1))
    windows = torch.stack([padded[k : k + len(x) - 1 : 2] for k in range(4)], 2)
    y = torch.einsum("lck,ock->lo", windows, weight) + bias
    return torch.where(y > 0, y, 0.2 * y)


def test_motions_are_embedded_as_published(network: T2MEvaluator, parts: dict[str, State]) -> None:
    generator = torch.Generator().manual_seed(3)
    motions, lengths = torch.randn(3, 196, 263, generator=generator), torch.tensor([40, 196, 4])
    for row, length in enumerate(lengths.tolist()):
        motions[row, length:] = 0
    answer = network.embed_motions(motions, lengths)
    movement, motion = parts["movement_encoder"], parts["motion_encoder"]
    for row, length in enumerate(lengths.tolist()):
        x = halved(movement["main.0.weight"], movement["main.0.bias"], motions[row, :, :259])
        x = halved(movement["main.3.weight"], movement["main.3.bias"], x)
        assert len(x) == 49
        tokens = (x @ movement["out_net.weight"].T + movement["out_net.bias"])[: length // 4]
        expected = sequence_reference(motion, tokens)
        torch.testing.assert_close(answer[row], expected, rtol=1e-3, atol=1e-4)
    assert answer.std(0).mean() > 0.01


def test_captions_are_embedded_as_published(network: T2MEvaluator, parts: dict[str, State]) -> None:
    generator = torch.Generator().manual_seed(4)
    words, lengths = torch.randn(2, 22, 300, generator=generator), torch.tensor([5, 22])
    tags = nn.functional.one_hot(torch.randint(15, (2, 22), generator=generator), 15).float()
    answer = network.embed_texts(words, tags, lengths)
    text = parts["text_encoder"]
    for row, length in enumerate(lengths.tolist()):
        x = words[row] + tags[row] @ text["pos_emb.weight"].T + text["pos_emb.bias"]
        expected = sequence_reference(text, x[:length])
        torch.testing.assert_close(answer[row], expected, rtol=1e-3, atol=1e-4)


def test_it_is_loaded_for_evaluation(network: T2MEvaluator) -> None:
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_what_does_not_fit_is_refused(parts: dict[str, State], tmp_path: Path) -> None:
    path = tmp_path / "finest.tar"
    with pytest.raises(MissingAssetError, match="missing"):
        load_t2m_evaluator(path)
    torch.save({"movement_encoder": parts["movement_encoder"]}, path)
    with pytest.raises(CorruptFileError, match="no motion_encoder, text_encoder"):
        load_t2m_evaluator(path)
    kit = dict(parts["movement_encoder"])
    kit["main.0.weight"] = kit["main.0.weight"][:, :247]
    torch.save({**parts, "movement_encoder": kit}, path)
    with pytest.raises(RunStateError, match="247"):
        load_t2m_evaluator(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptFileError, match="1000 bytes"):
        load_t2m_evaluator(path)
