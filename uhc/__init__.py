"""Physics: the humanoid, refinement, tracking, and the correction built on them."""
