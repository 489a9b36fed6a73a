"""Where the domains meet the loop: one file a domain, and the entry points."""
