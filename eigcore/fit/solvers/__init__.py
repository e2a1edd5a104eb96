"""Minimisers, and the functions that they minimise."""
