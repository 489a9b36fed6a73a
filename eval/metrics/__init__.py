"""Metrics as pure functions on arrays; each names the variant it computes."""
