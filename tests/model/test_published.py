from __future__ import annotations

import json
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, RunStateError
from model.published import load_published_mdm, read_published

DIM, LAYERS, FF, TEXT = 32, 3, 1024, 512
ARGUMENTS = {
    "arch": "trans_enc",
    "cond_mask_prob": 0.1,
    "dataset": "humanml",
    "diffusion_steps": 1000,
    "emb_trans_dec": False,
    "latent_dim": DIM,
    "layers": LAYERS,
    "noise_schedule": "cosine",
    "sigma_small": True,
}


def position_table() -> Tensor:
    position = torch.arange(5000)[:, None]
    div = torch.exp(torch.arange(0, DIM, 2).float() * (-math.log(10000.0) / DIM))
    return torch.stack([torch.sin(position * div), torch.cos(position * div)], 2).view(5000, 1, DIM)


def published_tensors(clip: bool = True) -> OrderedDict[str, Tensor]:
    """Names and shapes of the published file, written down one by one; random values."""
    shapes: dict[str, tuple[int, ...]] = {
        "input_process.poseEmbedding.weight": (DIM, 263),
        "input_process.poseEmbedding.bias": (DIM,),
        "embed_timestep.time_embed.0.weight": (DIM, DIM),
        "embed_timestep.time_embed.0.bias": (DIM,),
        "embed_timestep.time_embed.2.weight": (DIM, DIM),
        "embed_timestep.time_embed.2.bias": (DIM,),
        "embed_text.weight": (DIM, TEXT),
        "embed_text.bias": (DIM,),
        "output_process.poseFinal.weight": (263, DIM),
        "output_process.poseFinal.bias": (263,),
    }
    for layer in range(LAYERS):
        for name, shape in {
            "self_attn.in_proj_weight": (3 * DIM, DIM),
            "self_attn.in_proj_bias": (3 * DIM,),
            "self_attn.out_proj.weight": (DIM, DIM),
            "self_attn.out_proj.bias": (DIM,),
            "linear1.weight": (FF, DIM),
            "linear1.bias": (FF,),
            "linear2.weight": (DIM, FF),
            "linear2.bias": (DIM,),
            "norm1.weight": (DIM,),
            "norm1.bias": (DIM,),
            "norm2.weight": (DIM,),
            "norm2.bias": (DIM,),
        }.items():
            shapes[f"seqTransEncoder.layers.{layer}.{name}"] = shape
    if clip:
        shapes["clip_model.visual.conv1.weight"] = (8, 3, 4, 4)
        shapes["clip_model.logit_scale"] = ()
    generator = torch.Generator().manual_seed(5)
    state = OrderedDict(
        (name, torch.randn(shape, generator=generator) / math.sqrt(max(shape, default=1)))
        for name, shape in shapes.items()
    )
    state["sequence_pos_encoder.pe"] = position_table()
    state["embed_timestep.sequence_pos_encoder.pe"] = position_table()
    return state


def write(folder: Path, state: Any, legacy: bool = False, **changes: Any) -> Path:
    path = folder / "model000475000.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    (folder / "args.json").write_text(json.dumps(ARGUMENTS | changes))
    return path


def reference(state: dict[str, Tensor], x: Tensor, t: Tensor, text: Tensor) -> Tensor:
    """Section 4.1 by hand: torch's own encoder layers, time first."""
    linear = nn.functional.linear

    def dense(name: str, value: Tensor) -> Tensor:
        return linear(value, state[f"{name}.weight"], state[f"{name}.bias"])

    pe = position_table()
    time = dense("embed_timestep.time_embed.0", pe[t, 0])
    time = dense("embed_timestep.time_embed.2", time * torch.sigmoid(time))
    frames = dense("input_process.poseEmbedding", x).permute(1, 0, 2)
    sequence = torch.cat([(time + dense("embed_text", text))[None], frames])
    sequence = sequence + pe[: len(sequence)]
    for number in range(LAYERS):
        layer = nn.TransformerEncoderLayer(DIM, 4, FF, 0.1, "gelu").eval()
        prefix = f"seqTransEncoder.layers.{number}."
        layer.load_state_dict(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
        sequence = layer(sequence)
    return dense("output_process.poseFinal", sequence[1:]).permute(1, 0, 2)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("steps", [50, 1000])
def test_a_published_file_answers_as_published(
    tmp_path: Path, clip: bool, steps: int, legacy: bool
) -> None:
    state = published_tensors(clip)
    loaded = load_published_mdm(write(tmp_path, state, legacy, diffusion_steps=steps))
    assert loaded.diffusion_steps == steps
    assert loaded.text_encoder == "clip"
    assert not loaded.network.training
    generator = torch.Generator().manual_seed(1)
    x, text = torch.randn(2, 196, 263, generator=generator), torch.randn(2, TEXT)
    t, lengths = torch.tensor([0, steps - 1]), torch.tensor([196, 40])
    with torch.no_grad():
        expected = reference(state, x, t, text)
        answer = loaded.network(x, t, text, lengths)
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


def test_averaged_weights_are_taken_where_the_checkpoint_was_trained_with_ema(
    tmp_path: Path,
) -> None:
    average, live = published_tensors(), published_tensors()
    live["embed_text.bias"] = live["embed_text.bias"] + 1
    both = {"model": live, "model_avg": average}
    for options in ({}, {"use_ema": False}):
        network = load_published_mdm(write(tmp_path, both, **options)).network
        assert torch.equal(network.embed_text.bias, live["embed_text.bias"])
    path = write(tmp_path, both, mask_frames=True, use_ema=True)
    network = load_published_mdm(path).network
    assert torch.equal(network.embed_text.bias, average["embed_text.bias"])
    assert network.config.mask_padding
    only_live = load_published_mdm(write(tmp_path, {"model": live})).network
    assert torch.equal(only_live.embed_text.bias, live["embed_text.bias"])


def test_variance_and_hidden_texts_are_those_of_the_options(tmp_path: Path) -> None:
    usual = load_published_mdm(write(tmp_path, published_tensors()))
    assert (usual.variance, usual.unconditional) == ("small", True)
    other = write(tmp_path, published_tensors(), sigma_small=False, cond_mask_prob=0)
    loaded = load_published_mdm(other)
    assert (loaded.variance, loaded.unconditional) == ("large", False)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="checkpoint is missing"):
        load_published_mdm(tmp_path / "model000475000.pt")
    path = write(tmp_path, published_tensors())
    (tmp_path / "args.json").unlink()
    with pytest.raises(MissingAssetError, match=r"args\.json beside the checkpoint"):
        load_published_mdm(path)


@pytest.mark.parametrize("cut", [200, 30_000])
@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_files_are_refused(tmp_path: Path, legacy: bool, cut: int) -> None:
    path = write(tmp_path, published_tensors(), legacy)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptFileError, match=f"{cut} bytes"):
        load_published_mdm(path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, published_tensors())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="checksum"):
        load_published_mdm(path)


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code from the file ran",))


@pytest.mark.parametrize("content", [{"model": Harmful()}, [1, 2]])
def test_other_content_is_refused(
    tmp_path: Path, content: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CorruptFileError):
        read_published(tmp_path / "model.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "changes", [{"arch": "gru"}, {"noise_schedule": "linear"}, {"unconstrained": True}]
)
def test_other_networks_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write(tmp_path, published_tensors(), **changes)
    with pytest.raises(InvalidOptionError, match=str(next(iter(changes.values())))):
        load_published_mdm(path)


@pytest.mark.parametrize("changes", [{"layers": 4}, {"latent_dim": 64}])
def test_options_that_do_not_fit_the_tensors(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(RunStateError, match="does not fit the network"):
        load_published_mdm(write(tmp_path, published_tensors(), **changes))


def test_weights_of_a_training_that_diverged_are_refused(tmp_path: Path) -> None:
    state = published_tensors()
    state["output_process.poseFinal.bias"][5] = math.nan
    with pytest.raises(CorruptFileError, match=r"not finite[^$]*poseFinal\.bias"):
        load_published_mdm(write(tmp_path, state))


def test_a_checkpoint_without_text_is_refused(tmp_path: Path) -> None:
    state = {k: v for k, v in published_tensors().items() if not k.startswith("embed_text")}
    with pytest.raises(RunStateError, match=r"no embed_text\.weight"):
        load_published_mdm(write(tmp_path, state))


@pytest.mark.parametrize("text", ["{", "[]", '{"layers": 8}'])
def test_bad_options_are_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, published_tensors())
    (tmp_path / "args.json").write_text(text)
    with pytest.raises(CorruptFileError):
        load_published_mdm(path)


@pytest.mark.parametrize(
    "changes",
    [
        *({"layers": value} for value in (None, "8", 0, 2.5, 10**9, [8])),
        *({"cond_mask_prob": value} for value in (None, "0.1", -1, 1, 2)),
        {"diffusion_steps": None},
    ],
    ids=str,
)
def test_options_of_a_wrong_type_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CorruptFileError, match="out of range"):
        load_published_mdm(write(tmp_path, published_tensors(), **changes))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_taken_off(tmp_path: Path, prefix: str) -> None:
    state = published_tensors()
    plain = load_published_mdm(write(tmp_path, state)).network.state_dict()
    wrapped = OrderedDict((prefix + name, value) for name, value in state.items())
    wrapped["n_averaged"] = torch.tensor(3)
    found = load_published_mdm(write(tmp_path, {"model": wrapped})).network.state_dict()
    assert plain.keys() == found.keys()
    assert all(torch.equal(plain[name], found[name]) for name in plain)


def test_the_features_of_kit_are_refused(tmp_path: Path) -> None:
    state = published_tensors()
    for name in ("input_process.poseEmbedding.weight", "output_process.poseFinal.weight"):
        state[name] = state[name][..., :251] if "input" in name else state[name][:251]
    state["output_process.poseFinal.bias"] = state["output_process.poseFinal.bias"][:251]
    with pytest.raises(InvalidOptionError, match="251 features a frame, as of KIT"):
        load_published_mdm(write(tmp_path, state, dataset="kit"))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state, "optimizer_state_dict": {}},
        lambda state: {"model": {"state_dict": state}, "step": 5},
    ],
)
def test_tensors_below_the_names_of_trainers_are_found(tmp_path: Path, wrap: Any) -> None:
    state = published_tensors()
    plain = load_published_mdm(write(tmp_path, state)).network.state_dict()
    found = load_published_mdm(write(tmp_path, wrap(state))).network.state_dict()
    assert plain.keys() == found.keys()
    assert all(torch.equal(plain[name], found[name]) for name in plain)


def test_tensors_below_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunStateError, match=r"(?s)'network'.*state_dict\(\)") as refused:
        load_published_mdm(write(tmp_path, {"network": published_tensors(), "epoch": 3}))
    assert "'epoch'" in str(refused.value)
    lightning = {f"denoiser.{name}": value for name, value in published_tensors().items()}
    with pytest.raises(RunStateError, match=r"denoiser\."):
        load_published_mdm(write(tmp_path, {"state_dict": lightning}))
