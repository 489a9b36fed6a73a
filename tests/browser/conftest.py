"""A real browser without network, and pages about runs that were made up for it."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from body_models.skeleton import DEFAULT_SKELETON
from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.results import write_result
from domains.gaussian.theory import measure_contraction
from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from tests.runs import finish_generation
from visualize.report.build import ReportOptions, make_report

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page that asks for anything fails
)
ATTACK = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
ARMS = (
    "baseline",
    "synthetic_percent_100_iterative_finetuning",
    "synthetic_percent_100_iterative_finetuning_with_correction",
)
SHOWN, MOTIONS, FRAMES = 4, 6, 24


def _find() -> tuple[str, str] | None:
    """Paths of Chromium and its driver, None without them."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (found, driver) if found and driver else None


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """Chromium and its driver; skips without them."""
    found = _find()
    if found is None:
        pytest.skip(
            "SKIPPED LOUDLY: no chromium and chromedriver here; "
            "apt-get install chromium chromium-driver, as .ci/run does"
        )
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def _driver(chromium: tuple[str, str]) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location, driver = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


class Page:
    """A page in the browser, and short ways to look at it."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, path: Path, width: int = 1280, height: int = 900) -> Page:
        """Load a file at a width; 390 is a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
        self.media()
        self.driver.get(path.as_uri())
        return self

    def media(self, **features: str) -> None:
        """Emulate media: media="print", scheme="dark"; nothing without arguments."""
        scheme = {"name": "prefers-color-scheme", "value": features.get("scheme", "light")}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": features.get("media", ""), "features": [scheme]}
        )

    def run(self, script: str, *arguments: object):
        """Value of a script's `return`."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list:
        """Elements by CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str):
        """The first element by CSS selector."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """What a reader sees of the first element."""
        return self.one(selector).text

    def errors(self) -> list[dict]:
        """What the console has said since the last call."""
        return self.driver.get_log("browser")

    def pixels(self, index: int = 0) -> np.ndarray:
        """(H, W, 3) of a canvas of the stage."""
        script = "return document.querySelectorAll('.stage canvas')[arguments[0]].toDataURL()"
        content = base64.b64decode(self.run(script, index).partition(",")[2])
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))


@pytest.fixture
def page(_driver: WebDriver) -> Page:
    """The browser."""
    return Page(_driver)


def standing(frames: int = FRAMES) -> np.ndarray:
    """Joints (F, 22, 3) of somebody who stands on the floor in T-pose."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    return np.repeat(pose[None], frames, axis=0)


def _write_arm(folder: Path, generations: int) -> None:
    kind = folder.name
    ratio = 0.0 if kind == "baseline" else 1.0
    corrects = kind.endswith("correction")
    settings = {
        "preset": {"name": "demo", "generations": 5, "layers": 3},
        "correction": "simulated" if corrects else "none",
        "synthetic_augmentation_percent": ratio,
        "seed": 42,
    }
    for generation in range(generations + 1):
        metrics = {
            "FID_test": 2.0 + generation * (1 + ARMS.index(kind)),
            "FID_ground truth": 0.5,
            "Penetrate_test": 3.0,
            "Penetrate_ground truth": 0.25,
        }
        makes = bool(ratio and generation)
        save = (lambda here: _write_motions(here / FOLDER, corrects)) if makes else None
        finish_generation(folder, generation, metrics, settings, save)


def _write_motions(folder: Path, corrects: bool) -> None:
    """Motion i glides and floats the more the greater i; 5 puts its left wrist below the floor."""
    folder.mkdir()
    glide = np.arange(FRAMES)[:, None, None] * np.array([0.0, 0.0, 0.004])
    for index in range(MOTIONS):
        raw = standing() + index * glide + index * np.array([0.0, 0.02, 0.0])
        if index == MOTIONS - 1:
            raw = standing()
            raw[:, 20] = [0.5, -0.3, 0.2]
        np.save(folder / f"00000{index}{SAMPLED}", raw.astype(np.float32))
        if corrects and index != 4:
            np.save(folder / f"00000{index}{CORRECTED}", standing().astype(np.float32))
    captions = {f"00000{i}": [[f"a person stands, number {i}", []]] for i in range(MOTIONS)}
    captions["000003"] = [[ATTACK, []]]
    (folder / "prompts.json").write_text(json.dumps(captions))


@pytest.fixture(scope="session")
def motion_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on three arms of two generations with six motions each, of which four are shown."""
    runs = tmp_path_factory.mktemp("runs") / "dataset_0064"
    for arm in ARMS:
        _write_arm(runs / arm, generations=2)
    return make_report([runs], options=ReportOptions(motions=SHOWN))


@pytest.fixture(scope="session")
def mnist_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on two MNIST arms of three generations, whose sheets are grey to known degrees."""
    parent = tmp_path_factory.mktemp("runs") / "mnist"
    for arm in ("baseline_0.2", "iterative_finetuning_1"):
        for generation in range(4):
            name = f"image_gen{generation}_w0.5.png" if generation else "image_ep19_w0.5.png"
            sheet = Image.new("L", (302, 122), 50 * generation)
            metrics = {"FID": 5.0 + generation, "Diversity": 8.0}
            finish_generation(
                parent / arm,
                generation,
                metrics,
                save=lambda here, sheet=sheet, name=name: sheet.save(here / name),
            )
    return make_report([parent])


@pytest.fixture(scope="session")
def gaussian_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report on a short Gaussian experiment."""
    settings = GaussianSettings(gammas=(0.0, 0.3, 5.0), generations=6, seeds=4)
    contraction = measure_contraction(settings.gammas, dimension=2, seeds=4, seed=0)
    stem = tmp_path_factory.mktemp("gaussian") / "gaussian_toy_example"
    write_result(stem, run_gaussian(settings), contraction)
    return make_report([stem.parent])
