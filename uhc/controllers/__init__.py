"""Tracking controllers."""
