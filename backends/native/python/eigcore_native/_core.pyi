from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import numpy as np

_Array: TypeAlias = np.ndarray[Any, Any]

isa: str
xla_handlers: dict[str, Any]

class Matrices:
    """What Matrices32 and Matrices64 share; there is no such class."""

    @classmethod
    def rows(cls, layout: int, d: int, k: int, p: _Array) -> Self: ...
    @classmethod
    def diagonals(cls, d: int, k: int, diagonal: _Array, off: _Array) -> Self: ...
    @classmethod
    def pencil(cls, layout: int, d: int, k: int, params: _Array, x: _Array) -> Self: ...
    @classmethod
    def encoded(
        cls, d: int, k: int, indices: _Array, fractions: _Array, tables: Tables
    ) -> Self: ...
    def compose(self, kind: int, weights: Sequence[float], pivot: int, number: float) -> None: ...
    def solve(
        self, values: _Array, vectors: _Array | None, gradient: _Array | None, threads: int
    ) -> None: ...
    def pullback(
        self,
        vectors: _Array,
        g: _Array,
        first: _Array | None,
        second: _Array | None,
        threads: int,
    ) -> None: ...

class Tables:
    """What Tables32 and Tables64 share; there is no such class."""

    def __init__(self, params: _Array, runs: Sequence[tuple[int, int]]) -> None: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...

class Matrices32(Matrices): ...
class Matrices64(Matrices): ...
class Tables32(Tables): ...
class Tables64(Tables): ...

class Ensemble:
    def __init__(
        self, columns: int, parts: list[tuple[Any, ...]], terms: _Array, outputs: int
    ) -> None: ...
    def add(
        self,
        params: _Array,
        runs: Sequence[tuple[int, int]],
        d: int,
        k: int,
        output: int,
        weight: float,
    ) -> None: ...
    def sum(self, numbers: _Array, sums: _Array, threads: int) -> bool: ...

class MeanLoss:
    """What MeanLoss32 and MeanLoss64 share; there is no such class."""

    def __init__(
        self,
        d: int,
        k: int,
        indices: _Array,
        fractions: _Array,
        runs: Sequence[tuple[int, int]],
        loss: int,
        target: _Array,
        share: _Array | None,
        offset: _Array | None,
        mean: _Array,
        deviation: _Array,
        penalty: float,
        left: _Array | None,
        right: _Array | None,
    ) -> None: ...
    def at(self, matrices: _Array, slope: _Array, threads: int) -> float: ...

class MeanLoss32(MeanLoss): ...
class MeanLoss64(MeanLoss): ...

def eigenpairs(
    matrices: _Array,
    off: _Array | None,
    lo: int,
    hi: int,
    values: _Array,
    vectors: _Array | None,
    threads: int,
) -> None: ...
def several(
    layout: int,
    d: int,
    lo: int,
    hi: int,
    rows: _Array,
    values: _Array | None,
    g: _Array | None,
    gradient: _Array | None,
    threads: int,
) -> None: ...
def register_bytes() -> int: ...
def svd(X: _Array, U: _Array, s: _Array, Vt: _Array, threads: int) -> None: ...
def all_finite(a: _Array) -> bool: ...
def take_path(name: str) -> None: ...
def multiply_adds(dtype: str, steps: int) -> int: ...
