"""The solver's coordinates as data, for kernels: from one vector to the matrices of a pencil."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Coordinates(NamedTuple):
    """From a vector to matrices W (terms + 1, K): W_0, then the join times the blocks.

    The matrices are dense. The vector holds W_0 (K,), u (free blocks, K), and the factors B
    (semidefinite blocks, d, d); the blocks are M u, and B Bᵀ packed.

    factors : square matrices along the diagonal of M
    free, semidefinite : (…,) integers, which blocks these are, each once
    join : matrices (terms, blocks) along the diagonal of the join; none where blocks are terms
    """

    factors: tuple[np.ndarray, ...]
    free: np.ndarray
    semidefinite: np.ndarray
    join: tuple[np.ndarray, ...] = ()
