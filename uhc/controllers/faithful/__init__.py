"""The published controller."""
