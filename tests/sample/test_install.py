"""Weights from elsewhere: the shipped ones travel by folder, zip and address, damage does not."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, ScscError
from sample.install import install
from sample.models import SHIPPED


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "cmu.zip"
    with zipfile.ZipFile(path, "w") as file:
        for source in SHIPPED.iterdir():
            file.write(source, f"cmu/{source.name}")
        file.writestr("../../evil.txt", "outside")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_folder_zip_and_address_install_the_same(archive, tmp_path: Path) -> None:
    path, digest = archive
    out = tmp_path / "weights"
    targets = [
        install(str(SHIPPED), out, "folder"),
        install(str(path), out),
        install(path.as_uri(), out, "address", digest),
    ]
    assert [target.name for target in targets] == ["folder", "cmu", "address"]
    for target in targets:
        for name in ("model.safetensors", "config.json", "metrics.json"):
            assert (target / name).read_bytes() == (SHIPPED / name).read_bytes()
    assert {path.name for path in out.iterdir()} == {"folder", "cmu", "address"}
    assert not list(tmp_path.rglob("evil.txt"))


def test_what_is_not_as_promised_leaves_nothing(archive, tmp_path: Path) -> None:
    path, _ = archive
    out = tmp_path / "weights"
    with pytest.raises(InvalidOptionError, match="needs a checksum"):
        install(path.as_uri(), out)
    with pytest.raises(CorruptFileError, match="checksum is another"):
        install(str(path), out, sha256="0" * 64)
    with pytest.raises(MissingAssetError):
        install(str(tmp_path / "none.zip"), out)
    path.write_bytes(b"no zip")
    with pytest.raises(CorruptFileError, match="not a zip"):
        install(str(path), out)
    damaged = tmp_path / "damaged"
    shutil.copytree(SHIPPED, damaged)
    with (damaged / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    with pytest.raises(ScscError, match="not the weights"):
        install(str(damaged), out)
    assert list(out.iterdir()) == []


def test_a_name_is_not_taken_twice(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidOptionError, match="here already"):
        install(str(SHIPPED), tmp_path, "mine")
