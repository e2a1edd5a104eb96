"""Who computes: backends, the registry that finds them, and the record of what ran."""
