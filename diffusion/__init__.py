"""Noise schedules, training losses, samplers and guidance, shared by every diffusion model here."""

from typing import Literal

SamplerName = Literal["ddpm", "ddim", "dpmpp"]  # here, where it costs no torch
