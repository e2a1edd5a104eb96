"""Benchmarks: eigcore beside the best alternative, in one run, at equal threads, as ratios."""
