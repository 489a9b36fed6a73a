"""Films of motions."""
