"""Computed-torque control and the simulation it steps."""
