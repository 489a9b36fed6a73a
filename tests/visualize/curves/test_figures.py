from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from visualize.curves.figures import save_figure


def test_names_with_dots_stay_whole(tmp_path: Path) -> None:
    written = save_figure(Figure(), tmp_path / "deep" / "v1.5_graphs")
    assert [path.name for path in written] == ["v1.5_graphs.png", "v1.5_graphs.pdf"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert written[1].read_bytes().startswith(b"%PDF")
