"""Which settings, members, projections and columns a fit uses."""
