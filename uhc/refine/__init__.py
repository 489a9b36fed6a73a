"""Kinodynamic refinement."""
