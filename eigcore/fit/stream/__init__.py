"""Fitting to more rows than fit into memory: from files or batches, with checkpoints.

>>> from eigcore.fit import fit_stream                                         # doctest: +SKIP
>>> result = fit_stream("rows.parquet", "price", increasing=["area"])          # doctest: +SKIP
"""

from eigcore.fit.stream.train import fit_stream

__all__ = ["fit_stream"]
