"""The run directory of an arm: the only owner of the layout on disk."""
