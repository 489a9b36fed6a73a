"""One table of what --faithful does not do as published, and a document that says the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from domains.motion.deviations import DEVIATIONS, PAPER, as_markdown, explain, main


def test_the_document_is_the_table(repository: Path, tmp_path: Path) -> None:
    written = (repository / "docs" / "faithful.md").read_text()
    assert written == as_markdown(), "run `python -m domains.motion.deviations`"
    main(tmp_path / "docs" / "faithful.md")
    assert (tmp_path / "docs" / "faithful.md").read_text() == written


def test_every_deviation_is_told_with_its_reason() -> None:
    told = " ".join(explain().split())
    for row in (*DEVIATIONS, *PAPER):
        assert min(map(len, (row.subject, row.published, row.ours, row.reason))) > 0
        for part in (row.subject, row.published, row.ours, row.reason):
            assert part in told and part in as_markdown()
    for named in ("6e-8", ".11 to .37 m", "VPoser", "MiniLM", "MuJoCo", "3,125", "200,000"):
        assert named in told


def test_it_is_told_without_torch_and_mujoco(repository: Path) -> None:
    code = (
        "import sys; from domains.motion.deviations import explain; explain(); "
        "sys.exit(bool({'torch', 'mujoco', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0
