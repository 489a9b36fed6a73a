"""Where a domain meets the loop: one folder a domain."""
