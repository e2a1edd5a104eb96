"""The cases of the laws: matrices and small models, each built when it is first used."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.testing import exact

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Case:
    """One case of a law.

    Parameters
    ----------
    name : str
    dtype : str
        Element type of all arrays; the numbers are rounded to it in advance. Empty for a law about
        the backend as a whole, which no declaration can skip.
    structure : str
        Structure of `EigSpec` that the backend must declare.
    """

    name: str
    dtype: str = "float64"
    structure: str = "dense"

    @property
    def label(self) -> str:
        """Name and dtype, as in the name of a check."""
        return f"{self.name}, {self.dtype}" if self.dtype else self.name

    def rng(self, salt: int = 0) -> np.random.Generator:
        """Return a random generator that depends only on the name of the case."""
        return np.random.default_rng([zlib.crc32(self.name.encode()), salt])

    def rounded(self, a: np.ndarray) -> np.ndarray:
        """Return `a` in float64 after rounding to the dtype of the case."""
        return np.asarray(a).astype(self.dtype).astype(np.float64)


@dataclass(frozen=True)
class Matrices(Case):
    """A batch of symmetric matrices (..., d, d).

    Parameters
    ----------
    build : callable
        Takes a random generator and returns the matrices in float64.
    """

    build: Callable[[np.random.Generator], np.ndarray] = field(
        default=lambda rng: np.eye(1), compare=False
    )

    @cached_property
    def M(self) -> np.ndarray:  # noqa: N802
        """The matrices in float64, exactly representable in the dtype of the case."""
        M = self.rounded(self.build(self.rng()))
        return np.tril(M) + np.tril(M, -1).mT

    @cached_property
    def lam(self) -> np.ndarray:
        """Eigenvalues by LAPACK in float64: (..., d), ascending."""
        return np.linalg.eigvalsh(self.M)

    @property
    def d(self) -> int:
        """Order of the matrices."""
        return self.M.shape[-1]

    @property
    def batch(self) -> tuple[int, ...]:
        """Leading axes."""
        return self.M.shape[:-2]

    @cached_property
    def norm(self) -> np.ndarray:
        """‖M‖₂ of each matrix: (...)."""
        return abs(self.lam).max(-1)

    @property
    def ks(self) -> list[int]:
        """Indices to test: the first, the middle and the last."""
        return sorted({0, self.d // 2, self.d - 1})


@dataclass(frozen=True)
class Model(Case):
    """A spec with parameters, inputs, a direction for both and a cotangent.

    Parameters
    ----------
    spec : EigSpec
    batch : tuple of int
        Leading axes of the inputs.
    """

    spec: EigSpec = field(default_factory=lambda: EigSpec(1, 1))
    batch: tuple[int, ...] = (2, 3)

    @cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Parameters and inputs, drawn until all eigenvalues are well separated."""
        return max((self._draw(salt) for salt in range(40)), key=self._apart)

    def _draw(self, salt: int) -> tuple[np.ndarray, np.ndarray]:
        rng, spec = self.rng(salt), self.spec
        params = rng.normal(size=spec.params_shape) / np.sqrt(spec.dim)
        return self.rounded(params), self.rounded(rng.normal(size=(*self.batch, spec.features)))

    def _apart(self, arrays: tuple[np.ndarray, np.ndarray]) -> float:
        lam = self._spectra(*arrays)
        return 0.0 if 0 in lam.shape else float(_gaps(lam).min())

    def _spectra(self, params: np.ndarray, x: np.ndarray) -> np.ndarray:
        rows = x.reshape(math.prod(self.batch), self.spec.features)
        return np.array([exact.spectrum(self.spec, params, row) for row in rows])

    @property
    def params(self) -> np.ndarray:
        """Packed matrices (m, n + 1, K)."""
        return self.arrays[0]

    @property
    def x(self) -> np.ndarray:
        """Inputs (..., n)."""
        return self.arrays[1]

    def direction(self, salt: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return a unit direction (d_params, d_x); packed, hence symmetric."""
        rng = self.rng(1000 + salt)
        pair = rng.normal(size=self.params.shape), rng.normal(size=self.x.shape)
        length = np.sqrt(sum((a**2).sum() for a in pair))
        return self.rounded(pair[0] / length), self.rounded(pair[1] / length)

    @cached_property
    def cotangent(self) -> np.ndarray:
        """One random number per value, none of them equal to 1."""
        shape = (*self.batch, self.spec.outputs) if self.spec.outputs > 1 else self.batch
        return self.rounded(self.rng(2000).uniform(1.5, 3.0, size=shape))

    @cached_property
    def norm(self) -> float:
        """The larger of max ‖A(x)‖₂ and max φ, at least 1."""
        lam = self._spectra(*self.arrays)
        total = abs(lam).sum(-1) if self.spec.functional != "kth" else abs(lam)
        return max(1.0, float(total.max(initial=0.0)))

    @cached_property
    def hardness(self) -> float:
        """‖A‖/gap; the errors of gradients are proportional to it."""
        gap = self._apart(self.arrays)
        return self.norm * max(1.0, 1.0 / gap if gap else 1.0)


def _gaps(lam: np.ndarray) -> np.ndarray:
    return np.diff(lam, axis=-1) if lam.shape[-1] > 1 else np.ones(1)


def turned(rng: np.random.Generator, lam: Any, batch: tuple[int, ...] = ()) -> np.ndarray:
    """Return Q diag(λ) Qᵀ with random orthogonal Q, one per matrix of the batch."""
    lam = np.asarray(lam, dtype=np.float64)
    Q, _ = np.linalg.qr(rng.normal(size=(*batch, lam.shape[-1], lam.shape[-1])))
    return (Q * lam[..., None, :]) @ Q.mT


def tridiagonal(diag: Any, off: Any) -> np.ndarray:
    """Return the matrix with this diagonal and subdiagonal."""
    return np.diag(np.asarray(diag, float)) + np.diag(off, -1) + np.diag(off, 1)


def both(cases: Iterable[Any]) -> tuple[Any, ...]:
    """Return every case in float64 and in float32."""
    return tuple(replace(case, dtype=dtype) for case in cases for dtype in DTYPES)


def spread(d: int, batch: tuple[int, ...] = ()) -> Callable[[np.random.Generator], np.ndarray]:
    """Return a builder of matrices with evenly spaced eigenvalues in [−1, 1.5].

    Each matrix of a batch is scaled by its own factor between 1 and 2.
    """
    lam = np.linspace(-1, 1.5, d) if d > 1 else np.array([1.5])
    stretch = np.linspace(1, 2, math.prod(batch)).reshape(*batch, 1)
    return lambda rng: turned(rng, stretch * lam, batch)


SIZES = (1, 2, 3, 5, 11, 32, 100)
SHAPES = {(7,): 5, (2, 3): 3, (4, 1, 2): 2, (2, 2): 1, (3, 40): 4}
POINTS = both(Matrices(f"d={d}", build=spread(d)) for d in SIZES)
SMALL = both(Matrices(f"d={d}", build=spread(d)) for d in (1, 2, 5, 11))
BATCHES = both(Matrices(f"batch {b} of d={d}", build=spread(d, b)) for b, d in SHAPES.items())
EMPTY = both(Matrices(f"batch {b} of d=3", build=spread(3, b)) for b in ((0,), (2, 0)))
ANY = both([Case("any")])
DOUBLE = (Case("any"),)
WHOLE = (Case("the backend", dtype=""),)
HALF = (Case("any", "float16"), Case("any", "bfloat16"))


def _models(*specs: tuple[str, EigSpec], batch: tuple[int, ...] = (2, 3)) -> list[Model]:
    return [
        Model(name, structure=spec.structure.split(":")[0], spec=spec, batch=batch)
        for name, spec in specs
    ]


FUNCTIONALS: dict[str, dict[str, Any]] = {
    "kth": {},
    "smooth": {"alpha": 0.75},
    "top_sum": {"r": 2},
    "bottom_sum": {"r": 3},
    "softmax": {"t": 0.5},
    "weighted": {"weights": (-1.0, 0.5, 0.0, 2.0, 0.25)},
}
STRUCTURES = ("dense", "tridiagonal", "banded:2", "diagonal")
EVERY = tuple(
    _models(
        *(
            (f"{phi}, {structure}", EigSpec(3, 5, structure=structure, functional=phi, **own))
            for phi, own in FUNCTIONALS.items()
            for structure in STRUCTURES
        )
    )
)
"""Every functional on every structure."""
FORMS = tuple(
    _models(
        ("two outputs", EigSpec(3, 4, outputs=2)),
        ("d=1", EigSpec(2, 1, outputs=2)),
        ("d=2, tridiagonal", EigSpec(2, 2, structure="tridiagonal")),
        ("no features", EigSpec(0, 3)),
        ("concave", EigSpec(2, 3, index="concave")),
        ("convex", EigSpec(2, 3, index="convex", functional="smooth", alpha=1.0)),
    )
    + _models(("one point", EigSpec(3, 5)), batch=())
    + _models(("many rows", EigSpec(3, 5)), batch=(5, 40))
)
"""One of every other kind of model."""
SINGLE = tuple(replace(c, dtype="float32") for c in EVERY if c.name.endswith("dense"))
SINGLE += tuple(replace(c, dtype="float32") for c in EVERY if c.name.startswith("kth, "))[1:]
MODELS = EVERY + FORMS + SINGLE
SOME = tuple(
    c
    for c in MODELS
    if c.name.endswith("dense")
    or c.name.startswith("kth")
    or c.name in ("two outputs", "d=1", "many rows")
)
"""For laws that run a compiler, which takes time."""
NO_ROWS = tuple(_models(("no rows", EigSpec(3, 4, outputs=2)), batch=(2, 0)))
