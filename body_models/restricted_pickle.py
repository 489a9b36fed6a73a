"""Read body-model pickles without running code from them, and without chumpy.

A pickle names the functions and classes that rebuild its content. This reader knows numpy arrays,
containers, scipy's sparse matrices and chumpy's arrays by name and refuses everything else. Of
sparse and chumpy objects only the numbers are kept; neither library is imported, so that files
pickled by versions that no longer install (chumpy needs Python below 3.11) still load.
"""

from __future__ import annotations

import codecs
import copyreg
import io
import pickle
from collections import OrderedDict
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


def _numpy_functions() -> dict[tuple[str, str], Any]:
    """The functions that rebuild arrays, under the module names of numpy 1 and 2."""
    scalar, (rebuild, *_), (frombuffer, *_) = (
        np.float64(0).__reduce__()[0],
        np.zeros(1).__reduce__(),
        np.zeros(1).__reduce_ex__(5),
    )
    functions: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }
    for core in ("numpy.core", "numpy._core"):
        functions[core + ".multiarray", "scalar"] = scalar
        functions[core + ".multiarray", "_reconstruct"] = rebuild
        functions[core + ".numeric", "_frombuffer"] = frombuffer
    return functions


def _plain() -> dict[tuple[str, str], Any]:
    """Containers and numbers, under the module names of Python 2 and 3."""
    allowed: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): _encode,
    }
    for module in ("copy_reg", "copyreg"):
        allowed[module, "_reconstructor"] = getattr(copyreg, "_reconstructor")  # noqa: B009
    for module in ("__builtin__", "builtins"):
        for kind in (object, list, dict, tuple, set, frozenset, int, float, complex, bool, str):
            allowed[module, kind.__name__] = kind
        allowed[module, "unicode"] = str
        allowed[module, "long"] = int
    return allowed


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
