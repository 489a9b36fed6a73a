"""The pickle reader: what it takes from every era, and what it refuses."""

from __future__ import annotations

import collections
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from body_models.restricted_pickle import Stub, dense, read_pickle
from loop.errors import CorruptFileError, MissingAssetError

# {'x': numpy.array([1.0, 2.0]), 'n': numpy.float64(3.0), 's': 'lbs', 'l': 2**40} as Python 2.7
# and numpy 1.x pickle it (protocol 0, strings and raw bytes in one type), written by hand
PYTHON_2 = (
    b"(dp0\nS'x'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\n"
    b"S'b'\np5\ntp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\n"
    b"S'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
    b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\np15\ntp16\nbs"
    b"S'n'\np17\ncnumpy.core.multiarray\nscalar\np18\n(g12\n"
    b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\x08@'\np19\ntp20\nRp21\ns"
    b"S's'\np22\nS'lbs'\np23\nsS'l'\np24\nL1099511627776L\ns."
)


def write(folder: Path, value: Any, protocol: int = 2) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol))
    return path


def test_python_2_bytes_by_hand(tmp_path: Path) -> None:
    content = read_pickle(write(tmp_path, PYTHON_2))
    np.testing.assert_array_equal(content["x"], [1.0, 2.0])
    assert content["n"] == 3.0 and content["s"] == "lbs" and content["l"] == 2**40


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(tmp_path: Path, protocol: int) -> None:
    value = {
        "f": np.arange(12.0).reshape(3, 4).T,
        "u": np.array([2**32 - 1], dtype=np.uint32),
        "scalar": np.float32(1.5),
        "set": {1, 2},
        "frozen": frozenset("a"),
        "ordered": collections.OrderedDict(a=1),
        "bytes": b"\xff\x00",
    }
    content = read_pickle(write(tmp_path, value, protocol))
    np.testing.assert_array_equal(content["f"], value["f"])
    np.testing.assert_array_equal(content["u"], value["u"])
    for key in ("scalar", "set", "frozen", "ordered", "bytes"):
        assert content[key] == value[key]


@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csc_array"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_sparse_matrices_become_dense(tmp_path: Path, kind: str, protocol: int) -> None:
    full = np.where(np.arange(20).reshape(4, 5) % 3 == 0, np.arange(20.0).reshape(4, 5), 0.0)
    content = read_pickle(write(tmp_path, {"J": getattr(sparse, kind)(full)}, protocol))
    assert isinstance(content["J"], Stub)
    np.testing.assert_array_equal(dense(content["J"]), full)


def test_sparse_of_an_old_scipy(tmp_path: Path) -> None:
    # scipy before 1.8 kept its classes in scipy.sparse.csc, and had `_shape` and no more
    data = pickle.dumps({"J": sparse.csc_matrix(np.eye(2))}, protocol=0)
    assert b"scipy.sparse._csc" in data
    path = write(tmp_path, data.replace(b"scipy.sparse._csc", b"scipy.sparse.csc"))
    np.testing.assert_array_equal(dense(read_pickle(path)["J"]), np.eye(2))


class Evil:
    """Runs a command when a plain `pickle.load` reads it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, Any]:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "system"),
        (eval, "eval"),
        (getattr, "getattr"),
        (__import__, "__import__"),
        (subprocess.Popen, "Popen"),
        (np.load, "load"),
        (pickle.loads, "loads"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_by_name(tmp_path: Path, function: Any, name: str, protocol: int) -> None:
    mark = tmp_path / "ran"
    path = write(tmp_path, {"x": Evil(function, f"touch {mark}")}, protocol)
    with pytest.raises(CorruptFileError, match=name):
        read_pickle(path)
    assert not mark.exists()


def test_dotted_names_do_not_slip_through(tmp_path: Path) -> None:
    # protocol 4 allows `numpy` + `ndarray.__class__`, and a chumpy name must not be imported
    for module, name in (("numpy", "ndarray.__class__"), ("builtins", "object.__subclasses__")):
        stack = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
        stack += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        with pytest.raises(CorruptFileError, match="the pickle asks for"):
            read_pickle(write(tmp_path, stack))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1])
def test_truncated_files(tmp_path: Path, cut: int) -> None:
    whole = pickle.dumps({"x": np.arange(100.0)}, protocol=2)
    with pytest.raises(CorruptFileError):
        read_pickle(write(tmp_path, whole[:cut]))


def test_flipped_bytes_raise_our_error_or_read(tmp_path: Path) -> None:
    whole = pickle.dumps({"J": sparse.csc_matrix(np.eye(3)), "x": np.arange(9.0)}, protocol=2)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        try:
            for value in read_pickle(write(tmp_path, bytes(damaged))).values():
                dense(value)
        except (CorruptFileError, ValueError):
            pass


def test_other_faults(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_pickle(tmp_path / "absent.pkl")
    with pytest.raises(CorruptFileError, match="no dictionary"):
        read_pickle(write(tmp_path, [1, 2]))
    with pytest.raises(ValueError, match="numbers belong"):
        dense("text")
    empty = Stub()
    with pytest.raises(ValueError, match="holds no array"):
        dense(empty)
