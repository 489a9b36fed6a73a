from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from diffusion.guidance import guided
from loop.errors import InvalidOptionError
from model.checkpoint import load_state
from model.mdm import MDM, MDMConfig, published_state
from model.seeding import seeded

CONFIG = MDMConfig(
    features=263,
    text_dim=24,
    latent_dim=32,
    layers=2,
    heads=4,
    ff=48,
    dropout=0.0,
    max_frames=40,
    mask_padding=True,
)


def build(seed: int = 1, **changes: object) -> MDM:
    return seeded(lambda: MDM(dataclasses.replace(CONFIG, **changes)), seed)  # type: ignore[arg-type]


def inputs(frames: int, batch: int = 3) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(frames)
    return (
        torch.randn(batch, frames, 263, generator=generator),
        torch.tensor([0, 7, 999])[:batch],
        torch.randn(batch, 24, generator=generator),
        torch.tensor([frames, frames - 3, 5])[:batch],
    )


class Published(nn.Module):
    """The published layout, spelt out with torch's own encoder: time first, (B, 263, 1, F)."""

    def __init__(self) -> None:
        super().__init__()
        dim = CONFIG.latent_dim
        position = torch.arange(5000).unsqueeze(1)
        div = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
        pe = torch.zeros(5000, dim)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(position * div), torch.cos(position * div)
        self.sequence_pos_encoder = nn.Module()
        self.sequence_pos_encoder.register_buffer("pe", pe[:, None])
        self.input_process = nn.Module()
        self.input_process.poseEmbedding = nn.Linear(263, dim)
        self.seqTransEncoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(dim, CONFIG.heads, CONFIG.ff, 0.1, "gelu"),
            CONFIG.layers,
            enable_nested_tensor=False,
        )
        self.embed_timestep = nn.Module()
        self.embed_timestep.sequence_pos_encoder = self.sequence_pos_encoder
        self.embed_timestep.time_embed = nn.Sequential(
            nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        self.embed_text = nn.Linear(CONFIG.text_dim, dim)
        self.clip_model = nn.Linear(2, 2)
        self.output_process = nn.Module()
        self.output_process.poseFinal = nn.Linear(dim, 263)

    def forward(self, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        pe = self.sequence_pos_encoder.pe
        token = self.embed_timestep.time_embed(pe[t]).permute(1, 0, 2) + self.embed_text(text)
        frames = self.input_process.poseEmbedding(x.squeeze(2).permute(2, 0, 1))
        sequence = torch.cat([token, frames]) + pe[: len(frames) + 1]
        answer = self.output_process.poseFinal(self.seqTransEncoder(sequence)[1:])
        return answer.permute(1, 2, 0).unsqueeze(2)


def test_a_checkpoint_in_the_published_layout_gives_the_same_answers() -> None:
    published = seeded(Published, 3).eval()
    ours = build(mask_padding=False)
    load_state(ours, published_state(published.state_dict()))
    x, t, text, lengths = inputs(20)
    expected = published(x.permute(0, 2, 1).unsqueeze(2), t, text)
    answer = ours(x, t, text, lengths)
    torch.testing.assert_close(answer.permute(0, 2, 1).unsqueeze(2), expected, rtol=1e-4, atol=1e-5)


def test_padding_does_not_reach_the_valid_frames() -> None:
    model = build()
    x, t, text, lengths = inputs(30)
    padded = model(x, t, text, lengths)
    for item, length in enumerate(lengths.tolist()):
        row = slice(item, item + 1)
        alone = model(x[row, :length], t[row], text[row], lengths[row])
        torch.testing.assert_close(padded[row, :length], alone, rtol=1e-4, atol=1e-5)


def test_padding_does_not_reach_the_gradient() -> None:
    model = build()
    x, t, text, _ = inputs(30, batch=1)
    gradients = []
    for frames in (30, 12):
        model.zero_grad()
        model(x[:, :frames], t, text, torch.tensor([12]))[:, :12].square().mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for padded, alone in zip(*gradients, strict=True):
        torch.testing.assert_close(padded, alone, rtol=1e-3, atol=1e-6)


def test_the_published_network_sees_the_padding() -> None:
    model = build(mask_padding=False)
    x, t, text, lengths = inputs(30)
    changed = x.clone()
    changed[2, 5:] += 1
    difference = model(x, t, text, lengths) - model(changed, t, text, lengths)
    assert difference[2, :5].abs().max() > 1e-3


def test_dropped_text_is_a_text_of_zeros() -> None:
    model = build()
    x, t, text, lengths = inputs(10)
    dropped = torch.tensor([True, False, True])
    zeros = torch.where(dropped[:, None], 0.0, text)
    torch.testing.assert_close(model(x, t, text, lengths, dropped), model(x, t, zeros, lengths))


def test_text_and_timestep_matter() -> None:
    model = build()
    x, t, text, lengths = inputs(10)
    answer = model(x, t, text, lengths)
    assert (answer - model(x, t, text.flip(0), lengths)).abs().max() > 1e-3
    assert (answer - model(x, t.flip(0), text, lengths)).abs().max() > 1e-3


def test_guidance_takes_the_network_as_it_is() -> None:
    model = build()
    x, t, text, lengths = inputs(10)
    conditional = model(x, t, text, lengths)
    unconditional = model(x, t, torch.zeros_like(text), lengths)
    answer = guided(model, (text, lengths), 2.5)(x, t)
    expected = unconditional + 2.5 * (conditional - unconditional)
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_only() -> None:
    model = build(dropout=0.5)
    batch = inputs(10)
    assert not torch.equal(model(*batch), model(*batch))
    model.eval()
    assert torch.equal(model(*batch), model(*batch))


def test_paper_size_is_17_9_million_parameters() -> None:
    paper = dataclasses.replace(
        CONFIG, text_dim=512, latent_dim=512, layers=8, ff=1024, dropout=0.1, max_frames=196
    )
    with torch.device("meta"):
        model = MDM(paper)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(17.9e6, rel=5e-3)


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, second, other = build(1), build(1), build(2)
    assert torch.equal(torch.get_rng_state(), before)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(first.embed_text.weight, other.embed_text.weight)


def test_too_long_a_motion_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="longer than the network allows"):
        build()(*inputs(41))


@pytest.mark.parametrize("changes", [{"heads": 5}, {"max_frames": 5000}])
def test_sizes_that_do_not_fit_are_refused(changes: dict) -> None:
    with pytest.raises(InvalidOptionError):
        build(**changes)
