"""Which controllers are tried on a motion, and in which order: the first that is close wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from uhc.control.simulation import Watch
from uhc.controllers.policy import follow
from uhc.controllers.search import SearchOptions, search
from uhc.controllers.tracker import TrackerOptions, Tracking, close, rank, track
from uhc.humanoid.model import Humanoid
from uhc.rl.policy import Policy

Attempt = Callable[[], Tracking]


def track_with(
    controller: SearchOptions | Policy,
    humanoid: Humanoid,
    qpos: NDArray[Any],
    options: TrackerOptions,
    dump_folder: Path | None = None,
    watch: Watch | None = None,
    alone: bool = False,
) -> Tracking:
    """Follow poses (F, nq) at 20 fps: the tracker without help, the controller, the tracker helped.

    The tracker stays closest where it needs no help; where it does, a controller that never gets
    any may find a way. With `alone` only that controller tries. Other arguments, and the result,
    are as in `uhc.controllers.tracker.track`.
    """

    def tracked(ladder: tuple[float, ...]) -> Attempt:
        rungs = replace(options, ladder=ladder)
        return partial(track, humanoid, qpos, options=rungs, dump_folder=dump_folder, watch=watch)

    if isinstance(controller, SearchOptions):
        unaided = partial(search, humanoid, qpos, controller, watch)
    else:
        unaided = partial(follow, humanoid, qpos, controller, dump_folder=dump_folder, watch=watch)
    if alone:
        return unaided()
    help_n = tuple(clamp for clamp in options.ladder if clamp > 0.0)
    helped = [tracked(help_n)] if help_n else []
    return _first_close([tracked((0.0,)), unaided, *helped], options)


def _first_close(attempts: Sequence[Attempt], options: TrackerOptions) -> Tracking:
    """The first attempt within `options.accept_error_m`; without one, the best of all."""
    done: list[Tracking] = []
    for attempt in attempts:
        done.append(attempt())
        if close(done[-1], options):
            return done[-1]
    return max(done, key=rank)
