"""Graphs, videos and reports from what the runs left on disk."""
