"""Readers and builders of data sets; prepared data land in git-ignored folders beside this code."""
