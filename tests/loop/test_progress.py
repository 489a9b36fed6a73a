from __future__ import annotations

import logging

import loop.progress
from loop.progress import track


def test_every_item_passes_and_lines_are_sparse(monkeypatch, caplog) -> None:
    clock = iter(float(t) for t in range(0, 1000, 4))  # four seconds an item
    monkeypatch.setattr(loop.progress.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        assert list(track(range(3, 13), "walk", total=13, done=3)) == list(range(3, 13))
    assert [record.getMessage() for record in caplog.records] == [
        "walk: 7 of 13",
        "walk: 11 of 13",
    ]


def test_a_terminal_gets_a_bar(monkeypatch) -> None:
    monkeypatch.setattr(loop.progress.sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv(loop.progress.LINES_VARIABLE, raising=False)
    assert list(track(iter("abc"), "walk")) == ["a", "b", "c"]


def test_an_endless_source_is_not_counted(monkeypatch, caplog) -> None:
    monkeypatch.setattr(loop.progress, "LOG_INTERVAL_S", 0.0)
    with caplog.at_level(logging.INFO):
        assert list(track(iter("ab"), "walk")) == ["a", "b"]
    assert "walk: 2 of ?" in caplog.text
