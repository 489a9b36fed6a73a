"""The reports on MNIST and on the Gaussian experiment in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["mnist_page", "gaussian_page"])
def test_loads_alone_at_any_width(
    page, name: str, width: int, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    page.open(path, width=width)
    assert page.errors() == []
    loaded = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert path.stat().st_size < 15e6


def grey_levels(page) -> list[int]:
    """Brightness of the sheets that are shown."""
    return page.run(
        "return [...document.querySelectorAll('.sheets img')].map((img) => {"
        " const c = document.createElement('canvas').getContext('2d');"
        " c.drawImage(img, 0, 0); return c.getImageData(9, 9, 1, 1).data[0]; })"
    )


def test_sheets_of_digits_follow_the_slider(page, mnist_page: Path) -> None:
    page.open(mnist_page)
    page.run("return Promise.all([...document.images].map((image) => image.decode()))")
    assert page.text(".time") == "generation 3"
    assert grey_levels(page) == [150, 150]
    page.one("input[type=range]").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.run("return Promise.all([...document.images].map((image) => image.decode()))")
    assert page.text(".time") == "generation 1"
    assert grey_levels(page) == [50, 50]


def test_curves_of_the_digits(page, mnist_page: Path) -> None:
    page.open(mnist_page)
    assert page.text(".chart .note") == "Newest: baseline 8, fine-tuned 8"


def test_gaussian_curves_and_contraction(page, gaussian_page: Path) -> None:
    page.open(gaussian_page)
    page.run("return Promise.all([...document.images].map((image) => image.decode()))")
    sizes = page.run("return [...document.querySelectorAll('.chart img')].map(i => i.naturalWidth)")
    assert len(sizes) == 4 and min(sizes) > 100
