"""Noise schedules, training losses, samplers and guidance, shared by every diffusion model here."""
