"""The order of attempts on a motion: the first that is close wins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from loop.errors import InvalidOptionError
from uhc.controllers.base import Controller, Tracking, TrackingRequest, first_close
from uhc.controllers.tracker import Tracker


@dataclass(frozen=True)
class Cascade(Controller):
    """Try the tracker without residual force, `controller`, then the tracker with residual force.

    The tracker stays closest where it needs no residual force. Where it does, a controller that
    never gets any may find a way. The first attempt within the tracker's `accept_error_m` is kept;
    without one, the best of all.
    """

    controller: Controller
    tracker: Tracker = field(default_factory=Tracker)

    def __post_init__(self) -> None:
        """Raise InvalidOptionError for a controller that is always alone."""
        if not self.controller.capabilities.cascade:
            raise InvalidOptionError(
                "this controller is always alone: it is no attempt of a cascade",
                found=type(self.controller).__name__,
                expected="a controller with capabilities.cascade, such as policy or search",
            )

    @property
    def attempts(self) -> str:
        """Name the attempts in their order."""
        return ", ".join(controller.attempts for controller in self._controllers())

    def up_to(self, newtons: float) -> Cascade:
        """Limit the residual force of all attempts."""
        return Cascade(self.controller.up_to(newtons), self.tracker.up_to(newtons))

    def unaided(self) -> Tracker:
        """Return the tracker without residual force."""
        return self.tracker.unaided()

    def track(self, request: TrackingRequest) -> Tracking:
        """Track one motion."""
        close = self.tracker.accept_error_m
        return first_close(
            (t for c in self._controllers() for t in c.trials(request, close)), close
        )

    def _controllers(self) -> list[Controller]:
        attempts: list[Controller] = [self.unaided(), self.controller]
        if levels := tuple(level for level in self.tracker.levels_n if level > 0.0):
            attempts.append(replace(self.tracker, levels_n=levels))
        return attempts
