"""The 2-D Gaussian experiment."""
