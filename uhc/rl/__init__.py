"""Learning a tracking controller."""
