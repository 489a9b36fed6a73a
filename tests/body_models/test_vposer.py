from __future__ import annotations

from pathlib import Path

import pytest

from body_models.vposer import find_vposer
from loop.errors import MissingAssetError


@pytest.mark.parametrize("inside", ["", "V02_05"])
def test_latest_epoch(tmp_path: Path, inside: str) -> None:
    with pytest.raises(MissingAssetError, match=r"get_smpl_data\.sh"):
        find_vposer(tmp_path)
    folder = tmp_path / inside / "snapshots"
    folder.mkdir(parents=True)
    for epoch in ("08", "13", "9"):
        (folder / f"V02_05_epoch={epoch}_val_loss=0.03.ckpt").touch()
    assert find_vposer(tmp_path).name == "V02_05_epoch=13_val_loss=0.03.ckpt"
