"""Denoisers read back: our own runs, published checkpoints, shipped weights."""
