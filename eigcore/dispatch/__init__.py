"""Backends, the registry that finds them, and the record of what ran."""
