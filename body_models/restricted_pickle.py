"""Read body-model pickles without running code from them, and without chumpy.

A pickle names the functions and classes that rebuild its content. This reader knows numpy arrays,
containers, scipy's sparse matrices and chumpy's arrays by name and refuses everything else. Of
sparse and chumpy objects only the numbers are kept; neither library is imported, so that files
pickled by versions that no longer install (chumpy needs Python below 3.11) still load.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from body_models.arrays import Array
from body_models.damage import DAMAGE
from loop.errors import CorruptFileError, MissingAssetError


class Stub:
    """An object of a library that is not imported: what its pickle said of it, and nothing else.

    Attributes:
        name: the class, such as `chumpy.ch.Ch`.
        state: its attributes.
    """

    name = ""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        """Keep the attributes."""
        if not isinstance(state, dict):
            raise pickle.UnpicklingError(f"state of {self.name} is no dictionary")
        self.state = {str(key): value for key, value in state.items()}


class _Type:
    """The type of an array's elements.

    numpy's own would take any layout from a pickle, one that reads bytes of the file as addresses
    of objects included.
    """

    def __init__(self, text: str, *_: object) -> None:
        if not re.fullmatch(r"[<>|=]?[biufcSUO]\d*", text):
            raise pickle.UnpicklingError(f"arrays of {text!r}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order."""
        _, order, *structure = state
        if order not in ("<", ">", "|", "=") or structure[:3] != [None, None, None]:
            raise pickle.UnpicklingError("arrays of structures")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array that is made of the elements in its pickle, and in no other way."""

    def __new__(cls, *_: object, **__: object) -> _Array:
        """Refuse: numpy would lay an array over any memory."""
        raise pickle.UnpicklingError("an array without its elements")

    def __setstate__(self, state: tuple[Any, ...], /) -> None:  # pyright: ignore
        """Take the elements, if they are as many as the shape says."""
        version, shape, kind, fortran, data = state
        if kind.dtype.hasobject and not (isinstance(data, list) and len(data) == math.prod(shape)):
            raise pickle.UnpicklingError("objects that are none")
        super().__setstate__((version, shape, kind.dtype, fortran, data))


_rebuild: Any = np.zeros(1).__reduce__()[0]


def _scalar(kind: _Type, data: bytes | str) -> Any:
    return np.frombuffer(data.encode("latin-1") if isinstance(data, str) else data, kind.dtype, 1)[
        0
    ]


def _from_buffer(data: bytes, kind: _Type, shape: Any, order: str, axes: Any = None) -> Any:
    flat = np.frombuffer(data, kind.dtype)
    if order == "K":
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    """Write bytes as Python 3 does in the old protocols; other codecs have no place here."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"codec {encoding!r} in a pickle")
    return text.encode("latin-1")


def _reconstructor(kind: type, base: type, _: object) -> Any:
    """Make objects as old protocols do; only stubs are made that way here."""
    if base is not object or not issubclass(kind, Stub):
        raise pickle.UnpicklingError(f"an object of {kind}")
    return kind()


def _keys(keys: Iterable[Any]) -> Iterable[Any]:
    """Refuse keys that take long to hash, as pairs of pairs of pairs do, or overflow the stack."""
    if not all(isinstance(key, str | bytes | int | float | None) for key in keys):
        raise pickle.UnpicklingError("the pickle is no table of arrays")
    return keys


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): lambda pairs=(): OrderedDict(
        zip(_keys([key for key, _ in pairs]), (value for _, value in pairs), strict=True)
    ),
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}
for _core in ("numpy.core", "numpy._core"):  # of numpy 1 and 2
    _KNOWN[_core + ".multiarray", "scalar"] = _scalar
    _KNOWN[_core + ".multiarray", "_reconstruct"] = lambda *_: _rebuild(_Array, (0,), b"b")
    _KNOWN[_core + ".numeric", "_frombuffer"] = _from_buffer
for _module in ("copy_reg", "copyreg"):  # of Python 2 and 3
    _KNOWN[_module, "_reconstructor"] = _reconstructor
for _module in ("__builtin__", "builtins"):
    _KNOWN[_module, "object"] = object
    _KNOWN[_module, "bytes"] = lambda: b""
    _KNOWN[_module, "set"] = lambda items=(): set(_keys(items))
    _KNOWN[_module, "frozenset"] = lambda items=(): frozenset(_keys(items))
_SPARSE = {f"{kind}_{form}" for kind in ("csc", "csr", "coo") for form in ("matrix", "array")}


_PLAIN: dict[int, Callable[[Any], None]] = pickle._Unpickler.dispatch


def _bytearray(reader: Unpickler) -> None:
    """Take an array's bytes without first taking the memory that the file says they fill."""
    reader.append(bytearray(reader.read(int.from_bytes(reader.read(8), "little"))))


def _build(reader: Unpickler) -> None:
    """Give an object its state; functions and classes have none to change."""
    if not isinstance(reader.stack[-2], Stub | _Array | _Type | OrderedDict):
        raise pickle.UnpicklingError(f"the pickle changes a {type(reader.stack[-2]).__name__}")
    _PLAIN[pickle.BUILD[0]](reader)


def _checked(code: bytes, keys: slice) -> Callable[[Any], None]:
    """Precede a step of the unpickler by `_keys` of what it hashes, a part of its stack."""

    def checked(reader: Unpickler) -> None:
        _keys(reader.stack[keys])
        _PLAIN[code[0]](reader)

    return checked


_STEPS: dict[bytes, Callable[[Any], None]] = {
    pickle.BYTEARRAY8: _bytearray,
    pickle.BUILD: _build,
    pickle.SETITEM: _checked(pickle.SETITEM, slice(-2, -1)),
    pickle.SETITEMS: _checked(pickle.SETITEMS, slice(None, None, 2)),
    pickle.DICT: _checked(pickle.DICT, slice(None, None, 2)),
    pickle.ADDITEMS: _checked(pickle.ADDITEMS, slice(None)),
    pickle.FROZENSET: _checked(pickle.FROZENSET, slice(None)),
}


class Unpickler(pickle._Unpickler):
    """Read data, and nothing that acts.

    It is the version in Python that CPython comes with: no table in it has a size that a damaged
    file dictates, and single steps can be refused.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    dispatch = _PLAIN | {code[0]: step for code, step in _STEPS.items()}

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the known object of that name; anything else ends the reading."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        is_sparse = module.startswith("scipy.sparse") and name in _SPARSE
        if is_sparse or module.split(".")[0] == "chumpy":
            return type(name, (Stub,), {"name": f"{module}.{name}"})
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")


def read_pickle(path: Path | str) -> dict[str, Any]:
    """Read the dictionary in a pickle of any Python version, with sparse and chumpy `Stub`s.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: truncated, no dictionary, or it asks for something that is not data (the
            message names it).
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError("pickle is missing", path=path)
    try:
        # latin1 is how Python 2 strings, numpy's raw bytes among them, survive in Python 3
        content = Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except DAMAGE as error:
        raise CorruptFileError(
            "pickle cannot be read",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected="numpy arrays, containers, sparse matrices and chumpy arrays only",
            remedy="do not open it with other tools if you do not trust its source; fetch it again",
        ) from error
    if not isinstance(content, dict):
        raise CorruptFileError(
            "pickle holds no dictionary", path=path, found=type(content).__name__
        )
    return content


def dense(value: object) -> Array:
    """Turn an array, a sparse matrix or a chumpy object into a float64 array.

    Raises:
        ValueError: the value holds no numbers, or indices that do not fit.
    """
    if isinstance(value, Stub):
        value = _sparse(value) if value.name.startswith("scipy.") else _chumpy(value)
    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise ValueError(f"{array.dtype} array where numbers belong")
    return array.astype(np.float64)


def _sparse(stub: Stub) -> Array:
    state = stub.state
    shape = state.get("_shape", state.get("shape"))
    kind = stub.name.split(".")[-1][:3]
    try:
        if kind == "coo":
            where = state.get("coords") or (state["row"], state["col"])
            matrix = sparse.coo_matrix((state["data"], where), shape=shape)
        else:
            make = sparse.csc_matrix if kind == "csc" else sparse.csr_matrix
            matrix = make((state["data"], state["indices"], state["indptr"]), shape=shape)
            matrix.check_format(full_check=True)
        return matrix.toarray()
    except (KeyError, TypeError) as error:
        raise ValueError(f"{stub.name} without its numbers ({error!r})") from error


def _chumpy(stub: Stub) -> Array:
    """Read a chumpy array: a plain `Ch` holds numbers in `x`, a slice (`Select`) also indices."""
    state = stub.state
    if "x" in state:
        return dense(state["x"])
    if "a" in state and "idxs" in state:
        try:
            picked = dense(state["a"]).ravel()[np.asarray(state["idxs"])]
        except IndexError as error:
            raise ValueError(f"{stub.name}: {error}") from error
        return picked.reshape(state.get("preferred_shape", picked.shape))
    raise ValueError(f"{stub.name} holds no array, but {sorted(state)}")
