"""The members of a model: matrices, constraints, and the descent of each."""
