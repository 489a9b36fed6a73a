"""Physics: the humanoid, the refinement of a reference, the tracking controller, and the correction built on them."""
