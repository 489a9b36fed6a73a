"""BVH files: generated ones of any hierarchy and channel order, and real CMU takes."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, ScscError
from translation.bvh import Bvh, metres_per_unit, read_bvh

SMALL = """HIERARCHY
ROOT hip
{
  OFFSET 10 20 30
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT upper arm
  {
    OFFSET 0 2 0
    CHANNELS 1 Xrotation
    End Site
    {
      OFFSET 0 0 3
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
1 2 3 0 0 0 0
1 2 3 90 0 0 90
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "take.bvh"
    path.write_text(text)
    return path


def test_small_file_by_hand(tmp_path: Path) -> None:
    bvh = read_bvh(write(tmp_path, SMALL))
    assert bvh.names == ("hip", "upper arm", "upper arm_end")
    assert bvh.parents == (-1, 0, 1)
    assert bvh.fps == pytest.approx(20)
    first, second = bvh.positions(bvh.names)
    np.testing.assert_allclose(first, [[1, 2, 3], [1, 4, 3], [1, 4, 6]])  # positions, not OFFSET
    # second frame: the hip turns 90 degrees about z, the arm 90 about its own x
    np.testing.assert_allclose(second, [[1, 2, 3], [-1, 2, 3], [2, 2, 3]], atol=1e-12)


def test_gzip_crlf_tabs_and_names_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "take.bvh.gz"
    text = SMALL.replace("Frames: 2", "Frames:\t2").replace("\n", "\r\n")
    path.write_bytes(gzip.compress(text.encode()))
    bvh = read_bvh(path)
    everything = bvh.positions(bvh.names)
    np.testing.assert_array_equal(bvh.positions(["upper arm_end", "hip"]), everything[:, [2, 0]])
    np.testing.assert_array_equal(bvh.positions(["hip"], start=1), everything[1:, :1])


ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), orders=st.lists(st.sampled_from(ORDERS), min_size=4, max_size=4))
def test_any_tree_and_order_against_scipy(
    seed: int, orders: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    parents = [-1, 0, rng.integers(0, 2), rng.integers(0, 3)]
    offsets = rng.normal(size=(4, 3)).round(4)
    values = rng.uniform(-180, 180, size=(3, 15)).round(3)
    bvh = read_bvh(write(tmp_path_factory.mktemp("bvh"), _text(parents, offsets, orders, values)))
    expected: dict[int, np.ndarray] = {}
    turned: dict[int, Rotation] = {}
    for joint in range(4):
        turn = Rotation.from_euler(orders[joint], values[:, 3 + 3 * joint :][:, :3], degrees=True)
        if joint == 0:
            expected[0], turned[0] = values[:, :3], turn
        else:
            parent = int(parents[joint])
            expected[joint] = expected[parent] + turned[parent].apply(offsets[joint])
            turned[joint] = turned[parent] * turn
    found = bvh.positions([f"j{joint}" for joint in range(4)])
    np.testing.assert_allclose(found, np.stack([expected[j] for j in range(4)], 1), atol=1e-9)


def _text(parents: list[int], offsets: np.ndarray, orders: list[str], values: np.ndarray) -> str:
    """A BVH whose joints are written depth first; channel columns follow the file's order."""
    written: list[int] = []

    def node(joint: int) -> str:
        written.append(joint)
        channels = [f"{axis}rotation" for axis in orders[joint]]
        if joint == 0:
            channels = ["Xposition", "Yposition", "Zposition", *channels]
        body = f"OFFSET {' '.join(map(str, offsets[joint]))}\n"
        body += f"CHANNELS {len(channels)} {' '.join(channels)}\n"
        body += "".join(node(child) for child in range(4) if parents[child] == joint)
        return f"{'JOINT' if joint else 'ROOT'} j{joint}\n{{\n{body}}}\n"

    hierarchy = node(0)
    columns = [0, 1, 2] + [3 + 3 * joint + k for joint in written for k in range(3)]
    rows = "\n".join(" ".join(map(str, row)) for row in values[:, columns])
    return f"HIERARCHY\n{hierarchy}MOTION\nFrames: {len(values)}\nFrame Time: 0.01\n{rows}\n"


def test_real_take(shared: Path) -> None:
    bvh = read_bvh(shared / "data/cmu_bvh/07_01.bvh.gz")
    assert bvh.fps == pytest.approx(120, rel=1e-4)
    assert bvh.values.shape == (317, 132)
    joints = ["hip", "lThigh", "lShin", "lFoot", "lFoot_end"]
    positions = bvh.positions(joints)
    lengths = np.linalg.norm(np.diff(positions[:, 1:], axis=1), axis=-1)
    offsets = [bvh.offsets[bvh.names.index(name)] for name in joints[2:]]
    expected = np.broadcast_to(np.linalg.norm(offsets, axis=-1), lengths.shape)
    np.testing.assert_allclose(lengths, expected, rtol=1e-9)
    np.testing.assert_array_equal(positions[:, 0], bvh.values[:, :3])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("HIERARCHY", "HIERARCHIE"), CorruptFileError),
        (("MOTION", ""), CorruptFileError),
        (("Frames: 2", "Frames: 3"), CorruptFileError),
        (("Frames: 2", "Frames: 0"), InvalidMotionError),
        (("Frames: 2", "Count: 2"), CorruptFileError),
        (("Frame Time: 0.05", "Frame Time: 0"), CorruptFileError),
        (("1 2 3 90 0 0 90\n", "1 2 3 90 0"), CorruptFileError),
        (("1 2 3 90 0 0 90\n", "1 2 3 90 0 zero 90\n"), CorruptFileError),
        (("1 2 3 90 0 0 90\n", "1 2 3 90 0 nan 90\n"), InvalidMotionError),
        (("OFFSET 0 2 0", "OFFSET 0 2"), CorruptFileError),
        (("OFFSET 0 2 0", "OFFSET 0 2 0 0"), CorruptFileError),
        (("1 Xrotation", "1 Wrotation"), CorruptFileError),
        (("1 Xrotation", "one Xrotation"), CorruptFileError),
        (("}\nMOTION", "MOTION"), CorruptFileError),
        (("}\nMOTION", "}\nROOT other\n{\nOFFSET 0 0 0\n}\nMOTION"), CorruptFileError),
        (("Frame Time: 0.05", "Frame Time: inf"), CorruptFileError),
        (("Frame Time: 0.05", "Frame Time: 1:20"), CorruptFileError),
        (("}\nMOTION", "}\n}\nMOTION"), CorruptFileError),
    ],
)
def test_broken_files(tmp_path: Path, change: tuple[str, str], error: type[ScscError]) -> None:
    assert change[0] in SMALL
    with pytest.raises(error, match=r"take\.bvh"):
        read_bvh(write(tmp_path, SMALL.replace(*change)))


def test_missing_truncated_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_bvh(tmp_path / "none.bvh")
    packed = gzip.compress(SMALL.encode())
    for content in (packed[: len(packed) // 2], b"not gzip", b""):
        (tmp_path / "take.bvh.gz").write_bytes(content)
        with pytest.raises(CorruptFileError):
            read_bvh(tmp_path / "take.bvh.gz")
    (tmp_path / "take.bvh").write_bytes(b"\x80\xff\x00")
    with pytest.raises(CorruptFileError):
        read_bvh(tmp_path / "take.bvh")


def test_unknown_joint(tmp_path: Path) -> None:
    bvh: Bvh = read_bvh(write(tmp_path, SMALL))
    with pytest.raises(InvalidMotionError, match="leg"):
        bvh.positions(["hip", "leg"])


@pytest.mark.parametrize("unit", [1.0, 0.1, 0.0254, 0.01, 0.001])
@pytest.mark.parametrize("leg", [0.7, 0.83, 1.0])
def test_unit_from_the_legs(unit: float, leg: float) -> None:
    assert metres_per_unit(leg / unit) == unit


@pytest.mark.parametrize("leg", [0.0, -1.0, 0.3, 1e9])
def test_no_human_unit(leg: float) -> None:
    with pytest.raises(InvalidMotionError):
        metres_per_unit(leg)


EXPORTERS = {
    "spaced header": (("Frames: 2", "Frames :   2"), ("Frame Time: 0.05", "Frame  Time :\t0.05")),
    "lower-case header": (("Frames: 2", "frames:2"), ("Frame Time: 0.05", "frametime: 5e-2")),
    "lower-case channels": (("Xposition Yposition", "xposition yposition"),),
    "scientific numbers": (
        ("OFFSET 0 2 0", "OFFSET 0.0E+00 2e0 -0"),
        ("1 2 3 90", "1e0 2.0 3 9E1"),
    ),
    "indented section": (("MOTION", "  MOTION  "),),
    "byte order mark": (("HIERARCHY", "\ufeffHIERARCHY"),),
    "end site in capitals": (("End Site", "END SITE"),),
    "a frame on several lines": (("1 2 3 90 0 0 90", "1 2 3\n90 0 0\n90"),),
    "blank lines": (("1 2 3 0", "\n\n1 2 3 0"), ("90 0 0 90\n", "90 0 0 90\n\n  \n")),
    "tabs": ((" ", "\t"),),
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_what_exporters_write_reads_alike(tmp_path: Path, exporter: str) -> None:
    text = SMALL.replace("upper arm", "upper_arm")
    expected = read_bvh(write(tmp_path, text))
    for old, new in EXPORTERS[exporter]:
        assert old in text
        text = text.replace(old, new)
    found = read_bvh(write(tmp_path, text))
    assert (found.names, found.fps) == (expected.names, pytest.approx(expected.fps))
    np.testing.assert_array_equal(found.positions(found.names), expected.positions(found.names))


NAMES = {
    "mixamo": ("mixamorig:Hips", "mixamorig:LeftArm"),
    "lafan1": ("Hips", "LeftShoulder"),
    "truebones": ("Bip01", "Bip01 L UpperArm"),
    "a section's name": ("MOTION_root", "JOINTED"),
    "any script": ("\u8170", "\u043f\u043b\u0435\u0447\u043e"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_of_other_skeletons(tmp_path: Path, kind: str) -> None:
    root, arm = NAMES[kind]
    text = SMALL.replace("ROOT hip", f"ROOT {root}").replace("JOINT upper arm", f"JOINT {arm}")
    bvh = read_bvh(write(tmp_path, text))
    assert bvh.names == (root, arm, f"{arm}_end")
    np.testing.assert_allclose(bvh.positions([arm])[0, 0], [1, 4, 3])


def test_a_root_that_only_turns_and_a_leaf_without_end_and_a_bone_without_length(
    tmp_path: Path,
) -> None:
    text = SMALL.replace("6 Xposition Yposition Zposition Zrotation", "3 Zrotation")
    text = text.replace("1 2 3 ", "").replace("OFFSET 0 2 0", "OFFSET 0 0 0")
    start = text.index("    End Site")
    text = text[:start] + text[text.index("  }\n}\nMOTION") :]
    bvh = read_bvh(write(tmp_path, text))
    assert bvh.names == ("hip", "upper arm") and bvh.values.shape == (2, 4)
    np.testing.assert_allclose(bvh.positions(bvh.names), np.full((2, 2, 3), [10.0, 20.0, 30.0]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_spoiled_files_end_in_our_errors(data: st.DataObject, tmp_path_factory) -> None:
    raw = bytearray(SMALL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        end = data.draw(st.integers(place, min(place + 30, len(raw))))
        raw[place:end] = data.draw(st.sampled_from([b"", b"{", b"}", b"-1", b" 1e999 ", b"\xff"]))
    path = tmp_path_factory.mktemp("bvh") / "take.bvh"
    path.write_bytes(raw)
    try:
        bvh = read_bvh(path)
        assert np.isfinite(bvh.values).all() and bvh.fps > 0
        bvh.positions(bvh.names)
    except ScscError as error:
        assert "take.bvh" in str(error)
