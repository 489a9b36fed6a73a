"""Metrics: each names the variant it computes."""
