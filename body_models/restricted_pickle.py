"""Read body-model pickles without running code from them, and without chumpy.

A pickle names the functions and classes that rebuild its content. This reader knows numpy arrays,
containers, scipy's sparse matrices and chumpy's arrays by name and refuses everything else. Of
sparse and chumpy objects only the numbers are kept; neither library is imported, so that files
pickled by versions that no longer install (chumpy needs Python below 3.11) still load.
"""

from __future__ import annotations

import codecs
import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from body_models.damage import DAMAGE
from loop.errors import CorruptFileError, MissingAssetError

Array = NDArray[np.float64]


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


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in the old protocols; other codecs have no place here."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"codec {encoding!r} in a pickle")
    return codecs.encode(text, "latin-1")


class Function:
    """A function that a pickle may call, and not change (its `__defaults__`, say)."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        """Refuse."""
        raise pickle.UnpicklingError("the pickle changes a function")


class _Type:
    """The type of an array's elements. numpy's own would take any layout from a pickle, one that
    reads bytes of the file as addresses of objects included."""

    def __init__(self, text: str, *_: object) -> None:
        if not re.fullmatch(r"[<>|=]?[biufcSUO]\d*", text):
            raise pickle.UnpicklingError(f"arrays of {text!r}")
        self._text = text

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order."""
        _, order, *structure = state
        if order not in ("<", ">", "|", "=") or structure[:3] != [None, None, None]:
            raise pickle.UnpicklingError("arrays of structures")
        self._text = order + self._text.lstrip("<>|=")

    def of_numpy(self) -> np.dtype[Any]:
        """As numpy has it."""
        return np.dtype(self._text)


class _Array(np.ndarray):
    """An array that is made of the elements in its pickle, and in no other way."""

    def __new__(cls, *_: object, **__: object) -> _Array:
        """Refuse: numpy would lay an array over any memory."""
        raise pickle.UnpicklingError("an array without its elements")

    def __setstate__(self, state: tuple[Any, ...], /) -> None:  # pyright: ignore
        """Take the elements, if they are as many as the shape says."""
        version, shape, kind, fortran, data = state
        dtype = kind.of_numpy()
        if dtype.hasobject and not (isinstance(data, list) and len(data) == math.prod(shape)):
            raise pickle.UnpicklingError("objects that are none")
        super().__setstate__((version, shape, dtype, fortran, data))


def _scalar(kind: _Type, data: bytes | str) -> Any:
    raw = data.encode("latin-1") if isinstance(data, str) else data
    return np.frombuffer(raw, kind.of_numpy(), 1)[0]


def _from_buffer(data: bytes, kind: _Type, shape: Any, order: str, axes: Any = None) -> Any:
    flat = np.frombuffer(data, kind.of_numpy())
    if order == "K":
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _reconstructor(kind: type, base: type, _: object) -> Any:
    """How old protocols make objects; only stubs are made that way here."""
    if base is not object or not issubclass(kind, Stub):
        raise pickle.UnpicklingError(f"an object of {kind}")
    return kind()


def _numpy_functions() -> dict[tuple[str, str], Any]:
    """The functions that rebuild arrays, under the module names of numpy 1 and 2."""
    rebuild: Any = np.zeros(1).__reduce__()[0]
    functions: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): Function(_Type),
    }
    for core in ("numpy.core", "numpy._core"):
        functions[core + ".multiarray", "scalar"] = Function(_scalar)
        functions[core + ".multiarray", "_reconstruct"] = Function(
            lambda *_: rebuild(_Array, (0,), b"b")
        )
        functions[core + ".numeric", "_frombuffer"] = Function(_from_buffer)
    return functions


def _plain() -> dict[tuple[str, str], Any]:
    """Containers and numbers, under the module names of Python 2 and 3."""
    allowed: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): Function(_encode),
    }
    for module in ("copy_reg", "copyreg"):
        allowed[module, "_reconstructor"] = Function(_reconstructor)
    for module in ("__builtin__", "builtins"):
        for kind in (object, list, dict, tuple, set, frozenset, int, float, complex, bool, str):
            allowed[module, kind.__name__] = kind
        allowed[module, "unicode"] = str
        allowed[module, "long"] = int
    return allowed


_PLAIN_TEXT = bytes(range(128)).replace(b"\\", b"?") + b"?" * 128


class _Lines(io.BytesIO):
    """Bytes whose lines are plain text: what they say is of no matter to `screen`."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with question marks for escapes and for what ASCII does not have."""
        return super().readline(size).translate(_PLAIN_TEXT)


def screen(data: bytes) -> None:
    """Refuse a pickle that would end the interpreter, before any of it is done.

    Tuples in tuples, a hundred thousand deep, overflow the stack when they are hashed; pairs of
    pairs of one shared object, forty deep, take days; a table of shared objects takes the memory
    that the pickle says.

    Raises:
        pickle.UnpicklingError, ValueError: it is such a pickle, or damaged.
    """
    tuples, sizes, shared = 0, list[int | None](), dict[Any, int | None]()
    for code, argument, _ in pickletools.genops(_Lines(data)):
        tuples += code.name.startswith("TUPLE")
        table = argument if code.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        _count(code, argument, sizes, shared)
        large = bool(sizes) and (sizes[-1] or 0) > MOST_ITEMS
        if tuples > MOST_TUPLES or table > MOST_SHARED or large:  # pyright: ignore
            raise pickle.UnpicklingError("the pickle is no table of arrays")


def _count(
    code: pickletools.OpcodeInfo, argument: Any, sizes: list[int | None], shared: dict
) -> None:
    """Follow how many items each object on the stack has, shared ones counted wherever they are."""
    if code.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
        shared[len(shared) if argument is None else int(argument)] = sizes[-1]
    elif code.name in ("GET", "BINGET", "LONG_BINGET"):
        sizes.append(shared[int(argument)])
    elif code.name == "DUP":
        sizes.append(sizes[-1])
    else:
        before, total = list(code.stack_before), 1
        if pickletools.markobject in before:
            while (size := sizes.pop()) is not None:
                total += size
            before = before[: before.index(pickletools.markobject)]
        total += sum(sizes.pop() or 0 for _ in before)
        mark = pickletools.markobject
        sizes.extend(None if kind is mark else total for kind in code.stack_after)


MOST_ITEMS = 10_000_000
MOST_TUPLES, MOST_SHARED = 5_000, 1_000_000
_ALLOWED = {**_plain(), **_numpy_functions()}
_SPARSE = {f"{kind}_{form}" for kind in ("csc", "csr", "coo") for form in ("matrix", "array")}


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """The known object of that name; anything else ends the reading."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        is_sparse = module.startswith("scipy.sparse") and name in _SPARSE
        if is_sparse or module.split(".")[0] == "chumpy":
            return type(name, (Stub,), {"name": f"{module}.{name}"})
        raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")


def read_pickle(path: Path | str) -> dict[str, Any]:
    """The dictionary in a pickle of any Python version; sparse and chumpy objects are `Stub`s.

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
        data = path.read_bytes()
        screen(data)
        content = Unpickler(io.BytesIO(data), encoding="latin1").load()
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
    """A numeric array as float64, from an array, a sparse matrix or a chumpy object.

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
    """A plain `Ch` holds its numbers in `x`; a slice of one (`Select`) holds it and the indices."""
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
