"""Noise schedules, training losses, samplers and guidance, shared by every diffusion model here."""

from typing import Literal

from loop.errors import InvalidOptionError

# Here, where neither costs torch.
SamplerName = Literal["ddpm", "ddim", "dpmpp"]


def check_steps(steps: int, chain: int) -> None:
    """Refuse a number of steps that a noising chain of `chain` steps cannot be sampled in.

    Raises:
        InvalidOptionError: fewer than one, or more than the chain has.
    """
    if not 1 <= steps <= chain:
        raise InvalidOptionError(
            "cannot sample in this many steps",
            found=f"--sampling_steps {steps}",
            expected=f"1 to {chain}, the length of the noising chain",
            remedy="leave --sampling_steps out",
        )
