"""What is measured of motions, and how they are corrupted on purpose."""
