"""Where the checkpoint of VPoser v2.0 lies (Pavlakos et al. 2019); the network: `model.vposer`."""

from __future__ import annotations

import re
from pathlib import Path

from loop.errors import MissingAssetError

FETCH = "bash get_smpl_data.sh"
FOLDER = Path("body_models/vposer_v2_05")


def find_vposer(folder: Path | str = FOLDER) -> Path:
    """Find the snapshot of the latest epoch in a folder as unpacked from V02_05.zip.

    Raises:
        MissingAssetError: no snapshot there; tells where it comes from.
    """
    folder = Path(folder)
    # the archive holds a folder V02_05, which some users keep
    found = [*folder.glob("snapshots/*.ckpt"), *folder.glob("V02_05/snapshots/*.ckpt")]
    if not found:
        raise MissingAssetError(
            "VPoser v2.0 is missing",
            path=folder / "snapshots",
            expected="V02_05.yaml and snapshots/V02_05_epoch=*.ckpt",
            remedy=f"{FETCH}, with your account of smpl-x.is.tue.mpg.de; it fills {FOLDER}/",
        )
    return max(
        found, key=lambda path: (int((re.findall(r"epoch=(\d+)", path.name) or [-1])[0]), path)
    )
