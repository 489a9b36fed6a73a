"""Correction functions of digits."""
