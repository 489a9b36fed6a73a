"""The frame of the page: escaping, its own policy, and no reference to anything outside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from visualize.report.page import (
    Page,
    Section,
    cards,
    details,
    figure,
    paragraph,
    picture,
    render_page,
    table,
    warning,
    widget,
)

EVIL = '</script><script>alert("1")</script> & <b>'


class Elements(HTMLParser):
    """Start tags with attributes, and the text of script elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)


def page() -> str:
    html = paragraph(EVIL, "note") + warning(EVIL, [EVIL]) + cards([(EVIL, EVIL, EVIL)])
    html += details(EVIL, table([EVIL], [[EVIL, (EVIL, EVIL)]], EVIL)) + widget("images", "a")
    html += figure(EVIL, picture(b"x", "image/png", EVIL), EVIL, EVIL)
    return render_page(Page(EVIL, EVIL, [Section("one", EVIL, html, {"a": {"caption": EVIL}})]))


def test_nothing_from_data_becomes_markup() -> None:
    elements = Elements(page())
    scripts = [attributes for tag, attributes in elements.tags if tag == "script"]
    assert [s.get("type") for s in scripts] == ["application/json", None]
    assert not [tag for tag, _ in elements.tags if tag == "b"]
    assert json.loads(elements.scripts[0]) == {"caption": EVIL}


def test_only_our_own_script_and_style_may_run() -> None:
    html = page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and policy[1].startswith("default-src 'none'")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_refers_to_nothing_outside_of_itself() -> None:
    html = page()
    for _, attributes in Elements(html).tags:
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#"))
    assert set(re.findall(r"https?://[^\s\"')]+", html)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in html and "url(" not in html


def test_the_same_arguments_give_the_same_page() -> None:
    assert page() == page()
