"""Parts by name, a user's own as `module:Name`, and the list for a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.errors import InvalidOptionError
from loop.mixing import POLICIES, latest
from loop.registry import construct


def test_names_and_own_parts_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_policy.py").write_text("def halves(n_real, sizes, stream):\n    return 7\n")
    monkeypatch.chdir(tmp_path)
    assert POLICIES.resolve("latest") is latest
    assert POLICIES.resolve("own_policy:halves")(1, [], None) == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lates", "(?s)lates.*accumulate: .*fresh_data: .*module:Name"),
        ("no_such_module:x", "no_such_module"),
        ("loop.mixing:no_such_policy", "no_such_policy"),
        (":x", "module:Name"),
        ("loop.mixing:", "module:Name"),
        (".mixing:latest", "module:Name"),
        ("..mixing:latest", "module:Name"),
        (".:latest", "module:Name"),
        ("loop..mixing:latest", "module:Name"),
    ],
)
def test_a_wrong_name_gets_the_list(name: str, said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        POLICIES.resolve(name)


def test_a_module_that_cannot_import_says_so_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_a_policy.py").write_text("import a_module_that_is_not_here\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_here"):
        POLICIES.resolve("half_a_policy:x")


def test_an_error_inside_a_module_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old_policy.py").write_text("import math\nmath.no_such_function\nx = 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AttributeError, match="no_such_function"):
        POLICIES.resolve("old_policy:x")


def test_a_constructor_gets_what_it_names() -> None:
    class Wants:
        def __init__(self, real, scale: float = 2.0) -> None:
            self.got = real, scale

    assert construct(Wants, real=5, seed=1).got == (5, 2.0)
    assert construct(lambda **offers: sorted(offers), real=5, seed=1) == ["real", "seed"]
    ready = Wants(1)
    assert construct(ready, real=5) is ready
