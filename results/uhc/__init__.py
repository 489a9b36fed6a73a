"""What does the correction do to real, corrupted and floor-work motions? Numbers and tables."""
