"""Random streams: one seed fixes everything, and no stage can disturb another."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from loop.errors import InvalidOptionError

Stream = np.random.SeedSequence


@dataclass(frozen=True)
class Streams:
    """The random streams of one arm of one run.

    Every (seed, arm, generation, stage) owns a stream of its own, so that a resumed run draws what
    the unbroken one would have drawn, whichever stages it could skip.
    """

    seed: int
    arm: str

    def at(self, generation: int, stage: str) -> Stream:
        """Seed sequence of one stage; the same arguments give the same numbers on every machine."""
        key = (zlib.crc32(self.arm.encode()), generation, zlib.crc32(stage.encode()))
        return np.random.SeedSequence(entropy=self.seed, spawn_key=key)


def generation_of(stream: Stream) -> int:
    """Return the generation that `Streams.at` made this stream for.

    Raises:
        InvalidOptionError: the stream is no such one, or a part of one.
    """
    if len(stream.spawn_key) != 3:
        raise InvalidOptionError(
            "not the random stream of a stage",
            found=stream.spawn_key,
            expected="what Streams.at(generation, stage) gives",
        )
    return stream.spawn_key[1]


def integer_seed(stream: Stream) -> int:
    """A non-negative 63-bit seed for libraries that take an integer (torch.Generator)."""
    return int(stream.generate_state(1, np.uint64)[0] >> np.uint64(1))


def item_seeds(stream: Stream, count: int) -> list[int]:
    """One seed an item, so that what an item draws does not depend on how items are batched.

    Item i keeps its seed when `count` grows.
    """
    return [int(word >> np.uint64(1)) for word in stream.generate_state(count, np.uint64)]
