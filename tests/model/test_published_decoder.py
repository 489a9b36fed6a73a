"""Published checkpoints of the decoder kind, against attention written out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from domains.motion.checkpoints.published import published_denoiser
from loop.errors import InvalidOptionError, RunStateError
from loop.rng import Stream
from model.published import load_published_mdm

DIM, LAYERS, HEADS, FF, TEXT = 32, 2, 4, 48, 768
ARGUMENTS = {
    "arch": "trans_dec",
    "text_encoder_type": "bert",
    "dataset": "humanml",
    "diffusion_steps": 50,
    "emb_trans_dec": False,
    "latent_dim": DIM,
    "layers": LAYERS,
    "mask_frames": True,
    "noise_schedule": "cosine",
    "use_ema": True,
}


def tensors(text: int = TEXT) -> dict[str, Tensor]:
    """Names and shapes of the published file, written down one by one; random values."""
    shapes: dict[str, tuple[int, ...]] = {
        "input_process.poseEmbedding.weight": (DIM, 263),
        "input_process.poseEmbedding.bias": (DIM,),
        "embed_timestep.time_embed.0.weight": (DIM, DIM),
        "embed_timestep.time_embed.0.bias": (DIM,),
        "embed_timestep.time_embed.2.weight": (DIM, DIM),
        "embed_timestep.time_embed.2.bias": (DIM,),
        "embed_text.weight": (DIM, text),
        "embed_text.bias": (DIM,),
        "output_process.poseFinal.weight": (263, DIM),
        "output_process.poseFinal.bias": (263,),
        "clip_model.text_model.embeddings.word_embeddings.weight": (7, 3),
        "sequence_pos_encoder.pe": (5000, 1, DIM),
        "embed_timestep.sequence_pos_encoder.pe": (5000, 1, DIM),
    }
    for layer in range(LAYERS):
        prefix = f"seqTransDecoder.layers.{layer}."
        for name in ("self_attn", "multihead_attn"):
            shapes[f"{prefix}{name}.in_proj_weight"] = (3 * DIM, DIM)
            shapes[f"{prefix}{name}.in_proj_bias"] = (3 * DIM,)
            shapes[f"{prefix}{name}.out_proj.weight"] = (DIM, DIM)
            shapes[f"{prefix}{name}.out_proj.bias"] = (DIM,)
        shapes |= {f"{prefix}linear1.weight": (FF, DIM), f"{prefix}linear1.bias": (FF,)}
        shapes |= {f"{prefix}linear2.weight": (DIM, FF), f"{prefix}linear2.bias": (DIM,)}
        for norm in (1, 2, 3):
            shapes |= {f"{prefix}norm{norm}.{part}": (DIM,) for part in ("weight", "bias")}
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.randn(shape, generator=generator) / math.sqrt(max(shape, default=1))
        for name, shape in shapes.items()
    }


def write(folder: Path, state: Any, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model000600161.pt"
    torch.save(state, path)
    (folder / "args.json").write_text(json.dumps(ARGUMENTS | changes))
    return path


class Reference:
    """One motion at a time, without padding: so nothing has to be masked."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def dense(self, name: str, value: Tensor) -> Tensor:
        return value @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def norm(self, name: str, value: Tensor) -> Tensor:
        centred = value - value.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5)
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def attend(self, name: str, query: Tensor, memory: Tensor) -> Tensor:
        weight, bias = self.state[f"{name}.in_proj_weight"], self.state[f"{name}.in_proj_bias"]
        q, k, v = (
            source @ weight[part * DIM : (part + 1) * DIM].T + bias[part * DIM : (part + 1) * DIM]
            for part, source in enumerate((query, memory, memory))
        )
        size, heads = DIM // HEADS, []
        for head in range(HEADS):
            columns = slice(head * size, (head + 1) * size)
            scores = q[:, columns] @ k[:, columns].T / math.sqrt(size)
            shares = torch.exp(scores - scores.max(-1, keepdim=True).values)
            heads.append(shares / shares.sum(-1, keepdim=True) @ v[:, columns])
        return self.dense(f"{name}.out_proj", torch.cat(heads, -1))

    def code(self, positions: Tensor) -> Tensor:
        table = torch.zeros(len(positions), DIM)
        for column in range(0, DIM, 2):
            angle = positions / 10000 ** (column / DIM)
            table[:, column], table[:, column + 1] = torch.sin(angle), torch.cos(angle)
        return table

    def __call__(self, x: Tensor, t: int, words: Tensor) -> Tensor:
        """x (F, 263), words (L, text) -> (F, 263)."""
        time = self.dense("embed_timestep.time_embed.0", self.code(torch.tensor([float(t)])))
        time = self.dense("embed_timestep.time_embed.2", time / (1 + torch.exp(-time)))
        memory = self.dense("embed_text", words) + time
        tokens = self.dense("input_process.poseEmbedding", x) + self.code(torch.arange(len(x)))
        for layer in range(LAYERS):
            name = f"seqTransDecoder.layers.{layer}."
            mixed = tokens + self.attend(f"{name}self_attn", tokens, tokens)
            tokens = self.norm(f"{name}norm1", mixed)
            mixed = tokens + self.attend(f"{name}multihead_attn", tokens, memory)
            tokens = self.norm(f"{name}norm2", mixed)
            hidden = self.dense(f"{name}linear1", tokens)
            hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
            tokens = self.norm(f"{name}norm3", tokens + self.dense(f"{name}linear2", hidden))
        return self.dense("output_process.poseFinal", tokens)


def test_a_published_decoder_answers_as_written_by_hand(tmp_path: Path) -> None:
    state = tensors()
    loaded = load_published_mdm(
        write(tmp_path, {"model_avg": state, "model": tensors()}, use_ema=True)
    )
    assert (loaded.text_encoder, loaded.diffusion_steps) == ("distilbert", 50)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 60, 263, generator=generator)
    words = torch.randn(3, 9, TEXT, generator=generator)
    t, counts, lengths = (
        torch.tensor([0, 49, 7]),
        torch.tensor([9, 2, 5]),
        torch.tensor([60, 40, 8]),
    )
    dropped = torch.tensor([False, False, True])
    with torch.no_grad():
        answer = loaded.network(x, t, words, counts, lengths, dropped)
    assert not loaded.network.training
    for row in range(3):
        own = words[row, : counts[row]] * (0.0 if dropped[row] else 1.0)
        expected = Reference(state)(x[row, : lengths[row]], int(t[row]), own)
        torch.testing.assert_close(answer[row, : lengths[row]], expected, rtol=1e-4, atol=1e-4)
        assert expected.std() > 0.1


def test_without_masked_frames_the_padding_is_seen(tmp_path: Path) -> None:
    state = tensors()
    network = load_published_mdm(write(tmp_path, state, mask_frames=False)).network
    x, words = torch.randn(1, 30, 263), torch.randn(1, 4, TEXT)
    with torch.no_grad():
        answer = network(x, torch.tensor([3]), words, torch.tensor([4]), torch.tensor([10]))
    expected = Reference(state)(x[0], 3, words[0])
    torch.testing.assert_close(answer[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes", [{"emb_trans_dec": True}, {"emb_policy": "concat"}, {"pred_len": 40}]
)
def test_other_decoders_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match=next(iter(changes))):
        load_published_mdm(write(tmp_path, tensors(), **changes))


def test_an_encoder_in_decoder_clothes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunStateError, match="no seqTransEncoder"):
        load_published_mdm(write(tmp_path, tensors(), arch="trans_enc"))


def write_distilbert(folder: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "walks", "runs", "fast"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = DistilBertConfig(vocab_size=len(words), dim=24, hidden_dim=16, n_layers=1, n_heads=2)
    torch.manual_seed(0)
    DistilBertModel(config).save_pretrained(folder)


def test_it_samples_motions_that_hang_on_every_word(tmp_path: Path) -> None:
    write_distilbert(tmp_path / "bert")
    path = write(tmp_path / "model", tensors(text=24), diffusion_steps=3)
    statistics = (np.zeros(263, np.float32), np.ones(263, np.float32))
    denoiser = published_denoiser(
        path, statistics, torch.device("cpu"), text_encoder=tmp_path / "bert"
    )
    texts = ["a man walks", "a man runs", "a man walks fast fast fast"]
    together = denoiser.sample(texts, [40, 48, 40], Stream(1), "draw")
    assert [len(motion) for motion in together] == [40, 48, 40]
    (alone,) = denoiser.sample(texts[:1], [40], Stream(1), "draw")
    np.testing.assert_allclose(together[0], alone, atol=1e-4)
    (other,) = denoiser.sample(["a man runs"], [40], Stream(1), "draw")
    assert np.abs(other - alone).max() > 1e-3
    one_vector = replace(denoiser, words=False)  # as decoders with CLIP read their caption
    (pooled,) = one_vector.sample(texts[:1], [40], Stream(1), "draw")
    assert pooled.shape == alone.shape and np.abs(pooled - alone).max() > 1e-3


def test_variance_reaches_the_chain_and_guidance_needs_hidden_texts(tmp_path: Path) -> None:
    write_distilbert(tmp_path / "bert")
    options = {"diffusion_steps": 3, "sigma_small": False, "cond_mask_prob": 0.0}
    path = write(tmp_path / "model", tensors(text=24), **options)
    statistics = (np.zeros(263, np.float32), np.ones(263, np.float32))
    with pytest.raises(InvalidOptionError, match="without texts"):
        published_denoiser(path, statistics, torch.device("cpu"), 2.5, tmp_path / "bert")
    denoiser = published_denoiser(path, statistics, torch.device("cpu"), 1.0, tmp_path / "bert")
    assert denoiser.diffusion.variance == "large" and denoiser.guidance == 1.0
