"""Does physics correction keep the motion loop from collapsing? Runs, numbers, the answer."""
