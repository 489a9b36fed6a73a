"""The time and memory that a data set of the size of HumanML3D takes to load.

One of random numbers in the same layout is written, and its training split loaded in processes of
their own: file by file, packing it, and packed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

ITEMS = 29_000
"""HumanML3D with its mirror images."""
WAYS = {
    "file by file": "h.open_packed = lambda *given: None",
    "packing": "",
    "packed": "",
}
"""Way -> what is done before; the packed file is written by the second and found by the third."""
_PROBE = """
import resource, time
import dataset.humanml3d as h
{prepare}
def resident():  # without pages of files, which processes share and the system takes back
    fields = dict(line.split(":") for line in open("/proc/self/status").read().splitlines())
    return int(fields["RssAnon"].split()[0]) / 1024
before, start, cpu = resident(), time.perf_counter(), time.process_time()
items = h.load_split({root!r}, "train").items
cpu, wall = time.process_time() - cpu, time.perf_counter() - start
print(len(items), cpu, wall, resident() - before)
"""


def write(root: Path, items: int, seed: int = 0) -> None:
    """Write `items` clips of 40 to 199 frames with three captions each."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(400, 263)).astype(np.float32)
    words = [f"word{i}" for i in range(5000)]
    for name in ("new_joint_vecs", "texts"):
        (root / name).mkdir(parents=True)
    names = [f"{i:06d}" for i in range(items)]
    for name in names:
        frames, start = rng.integers(40, 200), rng.integers(200)
        np.save(root / "new_joint_vecs" / f"{name}.npy", values[start : start + frames])
        lines = []
        for _ in range(3):
            chosen = [words[i] for i in rng.integers(len(words), size=10)]
            tokens = " ".join(f"{word}/NOUN" for word in chosen)
            lines.append(f"{' '.join(chosen)}#{tokens}#0.0#0.0\n")
        (root / "texts" / f"{name}.txt").write_text("".join(lines))
    (root / "train.txt").write_text("\n".join(names))
    np.save(root / "Mean.npy", np.zeros(263, np.float32))
    np.save(root / "Std.npy", np.ones(263, np.float32))


def measure(root: Path) -> dict[str, tuple[int, float, float, float]]:
    """Load in each way: items, CPU seconds, seconds, and MB that the process holds for itself."""
    found = {}
    for way, prepare in WAYS.items():
        probe = _PROBE.format(prepare=prepare, root=str(root))
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True
        )
        count, *rest = done.stdout.split()
        found[way] = (int(count), *(float(number) for number in rest))
    return found
