from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    DistilBertConfig,
    DistilBertModel,
    DistilBertTokenizer,
)

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from model.cached_text_encoder import CachedTextEncoder
from model.clip_encoder import ClipEncoder, DistilBertEncoder, text_encoder_named
from model.text_encoder import MiniLMEncoder

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = ["a man walks", "A man RUNS in a very wide circle and then sits down again", "", "hop"]


def text_config(**changes: Any) -> dict[str, Any]:
    size = 2 * len(LETTERS) + 2
    return {
        "vocab_size": size,
        "hidden_size": 16,
        "intermediate_size": 24,
        "projection_dim": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "bos_token_id": size - 2,
        "eos_token_id": size - 1,
        **changes,
    }


def write_clip_tokenizer(folder: Path) -> None:
    """vocab.json and merges.txt as OpenAI's: letters, letters that end a word, start, end."""
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    CLIPTextModelWithProjection(CLIPTextConfig(**text_config())).save_pretrained(folder)
    write_clip_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def distilbert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilbert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "walk", "##s", "runs", "in"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = DistilBertConfig(
        vocab_size=len(words),
        dim=16,
        hidden_dim=24,
        n_layers=2,
        n_heads=2,
        max_position_embeddings=9,
    )
    torch.manual_seed(0)
    DistilBertModel(config).save_pretrained(folder)
    return folder


def published_ids(folder: Path, texts: list[str]) -> torch.Tensor:
    """Context 22: start, at most 20 tokens, end; zeros up to 77."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        inner = tokenizer(text, add_special_tokens=False)["input_ids"][:20]
        row = [tokenizer.bos_token_id, *inner, tokenizer.eos_token_id]
        rows.append(row + [0] * (77 - len(row)))
    return torch.tensor(rows)


def test_clip_vectors_are_those_of_the_published_tokens(clip_folder: Path) -> None:
    oracle = CLIPTextModelWithProjection.from_pretrained(clip_folder).eval()
    ids = published_ids(clip_folder, TEXTS)
    assert (ids[1] != 0).sum() >= 20 and ids[1, 21] == ids.max() and (ids[:, 22:] == 0).all()
    with torch.no_grad():
        expected = oracle(input_ids=ids)
    encoder = ClipEncoder(clip_folder)
    assert encoder.dim == 12
    vectors = encoder.encode(TEXTS)
    torch.testing.assert_close(vectors, expected.text_embeds, rtol=0, atol=1e-5)
    assert (vectors[0] - vectors[3]).abs().max() > 1e-2
    tokens, lengths = encoder.encode_tokens(TEXTS)
    assert lengths.tolist() == [11, 22, 2, 5]
    for row, length in enumerate(lengths.tolist()):
        own = expected.last_hidden_state[row, :length]
        torch.testing.assert_close(tokens[row, :length], own, rtol=0, atol=1e-5)
        assert (tokens[row, length:] == 0).all()


def test_the_whole_clip_with_its_image_half_gives_the_same(
    tmp_path: Path, clip_folder: Path
) -> None:
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 1, "image_size": 8, "patch_size": 4}
    # The hub's config gives the end token as 2; the position of the end must not hang on it.
    config = CLIPConfig(
        text_config=text_config(eos_token_id=2), vision_config=vision, projection_dim=12
    )
    whole = CLIPModel(config)
    text = CLIPTextModelWithProjection.from_pretrained(clip_folder)
    whole.text_model.load_state_dict(text.text_model.state_dict())
    whole.text_projection.load_state_dict(text.text_projection.state_dict())
    whole.save_pretrained(tmp_path)
    write_clip_tokenizer(tmp_path)
    both = [ClipEncoder(folder) for folder in (tmp_path, clip_folder)]
    torch.testing.assert_close(both[0].encode(TEXTS), both[1].encode(TEXTS), rtol=0, atol=1e-6)
    assert both[0].name != both[1].name


def test_distilbert_is_the_mean_of_its_token_states(distilbert_folder: Path) -> None:
    texts = ["a man walks", "a man runs in a a a a a a a man", "in"]
    tokenizer = DistilBertTokenizer.from_pretrained(distilbert_folder)
    oracle = DistilBertModel.from_pretrained(distilbert_folder).eval()
    encoder = DistilBertEncoder(distilbert_folder)
    vectors = encoder.encode(texts)
    tokens, lengths = encoder.encode_tokens(texts)
    assert lengths.tolist() == [6, 9, 3]
    for row, text in enumerate(texts):
        batch = tokenizer(text, truncation=True, max_length=9, return_tensors="pt")
        with torch.no_grad():
            states = oracle(**batch).last_hidden_state[0]
        torch.testing.assert_close(tokens[row, : lengths[row]], states, rtol=0, atol=1e-5)
        torch.testing.assert_close(vectors[row], states.mean(0), rtol=0, atol=1e-5)


def test_tokens_of_distilbert_do_not_depend_on_their_company(distilbert_folder: Path) -> None:
    texts = ["a man walks", "a man runs in a a a a a a a man", "in"]
    together, lengths = CachedTextEncoder(DistilBertEncoder(distilbert_folder)).encode_tokens(texts)
    for row, text in enumerate(texts):
        alone, _ = CachedTextEncoder(DistilBertEncoder(distilbert_folder)).encode_tokens([text])
        assert torch.equal(together[row, : lengths[row]], alone[0])


def test_what_ftfy_mends_is_mended_before_clip_reads(clip_folder: Path) -> None:
    """Entities, typographic quotes, ligatures, mojibake, as OpenAI's tokenizer does."""
    encoder = ClipEncoder(clip_folder)
    written = ["a &amp;amp; b", "a \u201cjump\u201d", "the man\u2019s leg", "a man \ufb02ies"]
    plain = ["a & b", 'a "jump"', "the man's leg", "a man flies"]
    written += ["the man\u00e2\u20ac\u2122s leg", "\uff41 \uff4d\uff41\uff4e in"]
    plain += ["the man's leg", "a man in"]
    assert torch.equal(encoder.encode_tokens(written)[1], encoder.encode_tokens(plain)[1])
    assert torch.equal(encoder.encode(written), encoder.encode(plain))


def test_no_text_gives_no_vector(clip_folder: Path) -> None:
    assert ClipEncoder(clip_folder).encode([]).shape == (0, 12)
    assert ClipEncoder(clip_folder).encode_tokens([])[0].shape[:2] == (0, 0)


def test_the_name_follows_the_weights_and_serves_the_cache(
    clip_folder: Path, tmp_path: Path
) -> None:
    encoder = ClipEncoder(clip_folder)
    assert encoder.name.startswith("openai/clip-vit-base-patch32/")
    assert encoder.name == ClipEncoder(clip_folder).name
    cached = CachedTextEncoder(encoder, tmp_path / "cache.safetensors")
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    assert torch.equal(cached.encode(TEXTS), alone)


def test_names() -> None:
    assert isinstance(text_encoder_named("minilm"), MiniLMEncoder)
    assert isinstance(text_encoder_named("clip", "cpu"), ClipEncoder)
    assert isinstance(text_encoder_named("distilbert", source="somewhere"), DistilBertEncoder)
    with pytest.raises(InvalidOptionError, match=r"minilm \| clip \| distilbert"):
        text_encoder_named("t5")
    with pytest.raises(InvalidOptionError):
        text_encoder_named("minilm", source="somewhere")


def test_what_is_not_there_is_named_and_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the text encoder wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(MissingAssetError, match="hf download openai/clip-vit-base-patch32"):
        ClipEncoder(tmp_path / "nowhere").encode(["a"])
    with pytest.raises(MissingAssetError, match="hf download distilbert/distilbert-base-uncased"):
        DistilBertEncoder("nobody/has-this-model").encode(["a"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no model.safetensors or pytorch_model.bin"),
        ("merges.txt", "no tokenizer.json or vocab.json and merges.txt"),
    ],
)
def test_a_missing_file_is_named(clip_folder: Path, tmp_path: Path, name: str, words: str) -> None:
    for path in clip_folder.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(MissingAssetError, match=words) as caught:
        ClipEncoder(tmp_path).encode(["a"])
    assert caught.value.path == tmp_path


def test_damaged_or_incomplete_weights_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    for path in clip_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CorruptFileError, match="cannot be loaded"):
        ClipEncoder(tmp_path).encode(["a"])
    network = CLIPTextModelWithProjection.from_pretrained(clip_folder)
    state = {k: v for k, v in network.state_dict().items() if "final_layer_norm" not in k}
    network.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(CorruptFileError, match="incomplete"):
        ClipEncoder(tmp_path).encode(["a"])


def test_unknown_and_cut_tokens_are_told(
    distilbert_folder: Path, clip_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bert, clip = DistilBertEncoder(distilbert_folder), ClipEncoder(clip_folder)
    bert.encode(["a man walks in"])
    clip.encode(["a man walks in"])
    assert not caplog.records
    bert.encode(["a man 走 🏃", "a a a a a a a a man"])
    assert "does not know 2 of 4 tokens" in caplog.text
    assert "only 9 of 11 tokens are read" in caplog.text
    caplog.clear()
    clip.encode(["a man walks in a very wide circle"])
    assert "only 22 of 28 tokens are read" in caplog.text
    caplog.clear()
    clip.encode(["long captions are what people do write"] * 50)
    assert len(caplog.records) == 20 and "not named" in caplog.records[-1].message


def test_letters_that_clip_spells_in_bytes_are_unknown(
    tmp_path: Path, clip_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The published vocabulary begins with all 256 bytes; Chinese comes in thirds of letters."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    torch.manual_seed(0)
    config = text_config(vocab_size=514, bos_token_id=512, eos_token_id=513)
    CLIPTextModelWithProjection(CLIPTextConfig(**config)).save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    encoder = ClipEncoder(tmp_path)
    encoder.encode(["a man walks, 5 m!"])
    assert not caplog.records
    encoder.encode(["hop 走路"])
    assert "does not know 6 of 9 tokens" in caplog.text
