"""Small bodies in the shape of the licensed models, written in the formats of the sites."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.bodies import body_content


def clouds_content() -> dict[str, np.ndarray]:
    """A SMPL body whose 24 parts are small clouds of vertices about the joints."""
    each, joints = 25, 24
    content = body_content("smpl", vertices=each * joints)
    owner = np.repeat(np.arange(joints), each)
    rest = content["J_regressor"] @ content["v_template"]
    cloud = np.random.default_rng(0).uniform(-0.025, 0.025, (joints, each, 3))
    cloud -= cloud.mean(axis=1, keepdims=True)
    content["v_template"] = (rest[:, None] + cloud).reshape(-1, 3)
    content["weights"] = np.eye(joints)[owner]
    content["J_regressor"] = np.eye(joints)[owner].T / each
    content["shapedirs"] = np.zeros_like(content["shapedirs"])
    content["posedirs"] = np.zeros_like(content["posedirs"])
    return content


@contextmanager
def fake_chumpy() -> Iterator[types.ModuleType]:
    """A module that pickles as chumpy does; gone again when the file is to be read."""
    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    reordering = types.ModuleType("chumpy.reordering")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})  # type: ignore[attr-defined]
    reordering.Select = type(  # type: ignore[attr-defined]
        "Select", (), {"__module__": "chumpy.reordering"}
    )
    names = {"chumpy": package, "chumpy.ch": module, "chumpy.reordering": reordering}
    sys.modules.update(names)
    try:
        yield module
    finally:
        for name in names:
            del sys.modules[name]


def chumpy_array(values: np.ndarray) -> Any:
    """As chumpy keeps an array, with the bookkeeping that nobody needs."""
    array = sys.modules["chumpy.ch"].Ch()
    array.__dict__.update(x=values, _dirty_vars=set(), _itr=None, _depends_on_deps={"x": 1})
    return array


def chumpy_slice(of: Any, indices: np.ndarray) -> Any:
    """What indexing a chumpy array leaves behind."""
    picked = sys.modules["chumpy.reordering"].Select()
    picked.__dict__.update(a=of, idxs=indices.ravel(), preferred_shape=indices.shape)
    return picked


def write_python2_pickle(path: Path, content: dict[str, np.ndarray], chumpy: bool) -> Path:
    """As SMPL 1.0 comes: Python 2's protocol, a sparse regressor, chumpy arrays.

    Protocol 2 of Python 3 differs in the names of modules and in how it writes raw bytes; both are
    put back to what Python 2 writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = dict(content)
    values["J_regressor"] = sparse.csc_matrix(content["J_regressor"])
    values["bs_style"] = "lbs"
    if not chumpy:
        path.write_bytes(pickle.dumps(values, protocol=2))
        return path
    with fake_chumpy():
        values["v_template"] = chumpy_array(content["v_template"])
        every = np.arange(content["shapedirs"].size).reshape(content["shapedirs"].shape)
        values["shapedirs"] = chumpy_slice(chumpy_array(content["shapedirs"]), every)
        path.write_bytes(pickle.dumps(values, protocol=2))
    return path
