"""Drawing from checkpoints."""
