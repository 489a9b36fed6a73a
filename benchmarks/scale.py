"""What a generation costs after many others.

Stored synthetic sets stand for up to fifty finished generations; for every mixing policy the next
training set is put together and 20 batches are drawn from it, in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from dataset.captions import Caption
from dataset.humanml3d import MotionItem
from domains.motion.files import CorrectionFiles, MotionBatch, SampleFiles
from loop.interfaces import Corrected
from loop.mixing import POLICIES

_PROBE = """
import sys, time
import numpy as np
from pathlib import Path
from dataset.batches import TrainingBatches
from domains.motion.files import CorrectionFiles
from benchmarks.scale import batch
from loop.interfaces import Mixture
from loop.lazy import LazySequence
from loop.mixing import policy_named
from loop.rng import Stream
root, policy, count, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
real, reserve = batch(n, 0), None
def once():
    codec = CorrectionFiles()
    sets = LazySequence(count, lambda i: codec.load(root / f"generation_{i + 1}").batch)
    rows = policy_named(policy)(n, LazySequence(count, lambda i: len(sets[i])), Stream(0))
    spare = batch(n, 99) if policy == "fresh_data" else None
    spare_rows = slice(0, n) if spare else rows.reserve
    mixture = Mixture(real, sets, rows.real, rows.synthetic, spare, spare_rows)
    items = [item for part in mixture.parts() for item in part.items]
    batches = TrainingBatches(items, np.zeros(263), np.ones(263), 64, 196, 0)
    for step in range(20):
        batches.batch(step)
    return len(items)
once()
start = time.process_time()
rows = once()
spent = time.process_time() - start
# not ru_maxrss, which begins with what the parent process had
status = dict(line.split(":") for line in open("/proc/self/status").read().splitlines())
print(rows, spent, int(status["VmHWM"].split()[0]) / 1024)
"""


def batch(count: int, seed: int) -> MotionBatch:
    """Make `count` motions of 100 frames."""
    values = np.random.default_rng(seed).normal(size=(400, 263)).astype(np.float32)
    caption = (Caption("a person walks", ("a/DET", "person/NOUN", "walk/VERB")),)
    names = (f"{i:06d}" for i in range(count))
    return MotionBatch(
        tuple(
            MotionItem(name, name, values[i % 300 : i % 300 + 100], caption)
            for i, name in enumerate(names)
        )
    )


def measure(n: int, generations: tuple[int, ...]) -> dict[str, list[tuple[int, float, float]]]:
    """Measure each policy: (earlier generations, CPU seconds, peak MB) for each number of them."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, max(generations) + 1):
            drawn, target = batch(n, number), Path(folder) / f"generation_{number}"
            target.mkdir()
            SampleFiles().save(drawn, target)
            CorrectionFiles().save(Corrected(drawn), target)
        for policy in POLICIES.names:
            for count in generations:
                words = [sys.executable, "-c", _PROBE, folder, policy, str(count), str(n)]
                done = subprocess.run(words, capture_output=True, text=True, check=True)
                rows, seconds, memory = done.stdout.split()
                found.setdefault(policy, []).append((int(rows), float(seconds), float(memory)))
    return found
