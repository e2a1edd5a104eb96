"""Guarantees and explanations: slopes, boxes, certificates, contributions."""
