"""Graphs of what the runs measured."""
