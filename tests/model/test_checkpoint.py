from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from loop.errors import CorruptFileError, MissingAssetError, RunStateError
from model.checkpoint import load_checkpoint, load_state, save_checkpoint
from model.seeding import seeded


def content() -> dict:
    model = seeded(lambda: nn.Linear(30, 20), 0)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 30)).sum().backward()
    optimiser.step()
    return {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": 7}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    saved = content()
    save_checkpoint(tmp_path / "a.pt", saved)
    loaded = load_checkpoint(tmp_path / "a.pt")
    assert loaded["step"] == 7
    assert torch.equal(loaded["model"]["weight"], saved["model"]["weight"])
    save_checkpoint(tmp_path / "b.pt", content())
    save_checkpoint(tmp_path / "c.pt", loaded)
    assert digest(tmp_path / "a.pt") == digest(tmp_path / "b.pt") == digest(tmp_path / "c.pt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "b.pt", "c.pt"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"nothing\.pt"):
        load_checkpoint(tmp_path / "nothing.pt")


@pytest.mark.parametrize("kept", [0, 1, 40, 2000, -1, -60])
def test_a_truncated_file_is_named_with_its_size(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.pt"
    save_checkpoint(path, content())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorruptFileError, match=f"{path.stat().st_size} bytes") as caught:
        load_checkpoint(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04 not a zip", b"\x80\x02.", b"{}", bytes(range(256)) * 9, b"\x80\x02K\x01."]
)
def test_a_foreign_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError):
        load_checkpoint(path)


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    saved = content()
    save_checkpoint(path, saved)
    data = bytearray(path.read_bytes())
    data[bytes(data).index(saved["model"]["weight"].numpy().tobytes()) + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError):
        load_checkpoint(path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"hook": Path("made-by-unpickling")}, path)
    with pytest.raises(CorruptFileError):
        load_checkpoint(path)


def test_a_file_without_a_dictionary_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CorruptFileError, match="no dictionary"):
        load_checkpoint(tmp_path / "list.pt")


def test_names_and_shapes_that_do_not_fit_are_listed() -> None:
    state = {f"extra{i}": torch.zeros(1) for i in range(6)} | {"weight": torch.zeros(2, 2)}
    with pytest.raises(RunStateError) as caught:
        load_state(nn.Linear(3, 2), state, Path("some.pt"))
    text = str(caught.value)
    assert "1 missing: bias" in text
    assert "6 unexpected: extra0, extra1, extra2, extra3, ..." in text
    assert "weight (2, 2) instead of (2, 3)" in text
    assert "some.pt" in text
