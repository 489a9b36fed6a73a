"""Whole experiments: the plan, this machine, Slurm, the status."""
