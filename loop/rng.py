"""Random streams: one seed fixes everything, and no stage can disturb another."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from loop.errors import InvalidOptionError

Stream = np.random.SeedSequence


@dataclass(frozen=True)
class Streams:
    """The random streams of a run.

    Every (seed, generation, stage) owns a stream of its own, so that a resumed run draws what the
    unbroken one would have drawn, whichever stages it could skip. The arm is no part of the key:
    arms that start alike draw the same prompts and noise, and their differences are paired.
    """

    seed: int

    def at(self, generation: int, stage: str) -> Stream:
        """Return the seed sequence of a stage; equal arguments give equal numbers everywhere."""
        key = (generation, zlib.crc32(stage.encode()))
        return np.random.SeedSequence(entropy=self.seed, spawn_key=key)


def check_seed(seed: int) -> None:
    """Refuse a seed that not everything that draws can take.

    Raises:
        InvalidOptionError: it is negative, or has more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise InvalidOptionError("not a seed", found=seed, expected="0 to 2^63 - 1")


def generation_of(stream: Stream) -> int:
    """Return the generation that `Streams.at` made this stream for.

    Raises:
        InvalidOptionError: the stream is no such one, or a part of one.
    """
    if len(stream.spawn_key) != 2:
        raise InvalidOptionError(
            "not the random stream of a stage",
            found=stream.spawn_key,
            expected="what Streams.at(generation, stage) gives",
        )
    return stream.spawn_key[0]


def integer_seed(stream: Stream) -> int:
    """Return a non-negative 63-bit seed for libraries that take an integer (torch.Generator)."""
    return int(stream.generate_state(1, np.uint64)[0] >> np.uint64(1))


def item_seeds(stream: Stream, count: int) -> list[int]:
    """Return one seed an item, so that what an item draws does not depend on how items are batched.

    Item i keeps its seed when `count` grows.
    """
    return [int(word >> np.uint64(1)) for word in stream.generate_state(count, np.uint64)]
