"""One HTML page about a folder of runs."""
