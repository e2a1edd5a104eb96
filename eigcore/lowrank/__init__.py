"""Matrices replaced by smaller ones: factors under any metric, ranks, completion, sketches."""

from eigcore.lowrank.allocation import ranks
from eigcore.lowrank.approximation import LowRank, low_rank, split
from eigcore.lowrank.completion import Completion, complete
from eigcore.lowrank.compression import Compressed, compress
from eigcore.lowrank.concatenation import Group, concatenate, error_bounds
from eigcore.lowrank.kernels import Nystrom, effective_dimension, nystrom, ridge_leverage
from eigcore.lowrank.streamed import Dictionary, sequential_nystrom

__all__ = [
    "Completion",
    "Compressed",
    "Dictionary",
    "Group",
    "LowRank",
    "Nystrom",
    "complete",
    "compress",
    "concatenate",
    "effective_dimension",
    "error_bounds",
    "low_rank",
    "nystrom",
    "ranks",
    "ridge_leverage",
    "sequential_nystrom",
    "split",
]
