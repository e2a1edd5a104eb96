"""The C++ kernels of eigcore-native, if it is installed, for the backends of this folder."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from eigcore.plugin import (
    Answer,
    Backend,
    Diagonals,
    Encoded,
    Ensemble,
    Matrices,
    MeanLoss,
    Pencil,
    Rule,
    Source,
    Want,
)

INTERFACE = 2
"""The supported version of the Python interface of eigcore-native."""
FUNCTIONS = (
    *("serves", "kernel", "eigenpairs", "eigenpairs_tridiagonal"),
    *("ensemble", "mean_loss", "all_finite"),
)
"""What is called of it, beside its module `jax`."""
KINDS = {Matrices: "rows", Diagonals: "diagonals", Pencil: "pencil", Encoded: "encoded"}
NUMPY: Any = SimpleNamespace(xp=np)
FEW = 32
"""Up to this many features, the kernel forms the matrices of a pencil faster than BLAS."""
SMALL, LARGE, LARGEST, MANY = 24, 128, 256, 4
"""Up to order SMALL, or LARGE for MANY matrices, all pairs beat LAPACK; values up to LARGEST."""
COLUMNS = (8, 128), (24, 1024), (32, 1024)
"""Singular value decompositions of up to so many columns and numbers beat LAPACK: of any number of
matrices, of MANY, and of 2·MANY in registers wider than two numbers."""


def _number(variable: str) -> int:
    """Return the number that an environment variable holds, or 0."""
    given = os.environ.get(variable) or "0"
    if not given.isdecimal():
        raise ImportError(f"{variable} is {given!r}, expected a whole number, 0 or more")
    return min(int(given), 2**31 - 1)


def _threads() -> int:
    """Return the number given; or, of the cores, the part of one of torchrun's processes."""
    given, beside = _number("EIGCORE_NUM_THREADS"), _number("LOCAL_WORLD_SIZE")
    if os.environ.get("EIGCORE_NUM_THREADS") or beside <= 1 or not hasattr(os, "sched_getaffinity"):
        return given
    return max(1, len(os.sched_getaffinity(0)) // beside)


VARIABLES = re.compile(r"EIGCORE_NATIVE_ISA|EIGCORE_NATIVE|EIGCORE_NUM_THREADS|LOCAL_WORLD_SIZE")
UPGRADE = "Type: pip install --upgrade eigcore-native (in a clone: make native)"


def reason(exc: BaseException) -> str:
    """Return in one sentence why something could not be imported."""
    said = str(exc).split("\n")[0].split(". ")[0].rstrip(".")
    return said if isinstance(exc, ImportError) else f"{type(exc).__name__}: {said}"


def _advice(said: str) -> str:
    """Return what to type: about the environment variable that a reason names, if any."""
    variable = VARIABLES.search(said)
    return f"Type: unset {variable[0]}" if variable else UPGRADE


def _load() -> tuple[Any, str, str, int]:
    """Return eigcore-native or None, the name of the driver, a note, and the number of threads."""
    try:
        if os.environ.get("EIGCORE_NATIVE") == "0":
            raise ImportError("switched off by EIGCORE_NATIVE")
        threads = _threads()
        import eigcore_native

        own = getattr(eigcore_native, "INTERFACE", None)
        if own != INTERFACE:
            raise ImportError(f"it has interface {own}, this eigcore needs {INTERFACE}")
        version, isa = eigcore_native.__version__, eigcore_native.isa
        missing = [n for n in FUNCTIONS if not callable(getattr(eigcore_native, n, None))]
        if missing:
            raise ImportError(f"it has no {', '.join(missing)}")
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # a library may fail to load with any error
        note = (
            f"no eigcore-native ({reason(exc)}), so LAPACK finds all eigenpairs where one is "
            f"needed. {_advice(reason(exc))}"
        )
        return None, "", note, 0
    return eigcore_native, f"eigcore-native {isa}", f"eigcore-native {version}, {isa}", threads


NATIVE, DRIVER, NOTE, THREADS = _load()
"""THREADS: number of threads of a kernel; 0 means the cores available to the process."""
SVD: Any = getattr(NATIVE, "svd", None)
DESCENT: Any = getattr(NATIVE, "descent", None)
"""Missing in older versions of eigcore-native, which serve everything else."""


def serves(rule: Rule, source: Source) -> bool:
    """Whether a kernel serves values and pullback of a rule and a source of NumPy arrays."""
    kind = type(source) if _reads(rule, source) else Matrices
    return _worthwhile(rule, source) and NATIVE.serves(rule, KINDS[kind])


def _reads(rule: Rule, source: Source) -> bool:
    """Whether a kernel reads a source itself, and not the matrices that NumPy forms of it."""
    if type(source) is not Pencil:
        return True
    few = source.params.shape[0] == 1 and source.x.shape[-1] <= FEW
    return few and NATIVE is not None and NATIVE.serves(rule, KINDS[Pencil])


def _worthwhile(rule: Rule, source: Source) -> bool:
    """Whether a kernel, if it serves a rule and a source, is faster than the composition."""
    if NATIVE is None:
        return False
    return rule.phi.name == "kth" or many(math.prod(_batch(rule, source)), rule.layout.dim)


def has(rule: Rule, want: Want) -> bool:
    """Whether kernels have a field: several eigenvalues no gradient, λ_k alone vectors."""
    if want in ("values", "pullback") or rule.phi.name == "kth":
        return True
    return want == "gradient" and rule.phi.name != "several"


def many(count: int, d: int) -> bool:
    """Whether all pairs of so many matrices beat LAPACK."""
    return d <= SMALL or (d <= LARGE and count >= MANY)


def kernel(
    backend: Backend, rule: Rule, source: Source, want: Want, threads: int = THREADS
) -> Answer | None:
    """Return `Backend.kernel` of NumPy arrays, recorded for `eigcore.trace` under this backend."""
    if not _worthwhile(rule, source) or not has(rule, want):
        return None
    if not _reads(rule, source):
        return rule.formed(NUMPY, source, lambda p: kernel(backend, rule, p, want, threads))
    arrays = (*source.bins[:3], source.params) if type(source) is Encoded else source
    if not backend.traced:
        return NATIVE.kernel(rule, KINDS[type(source)], arrays, want, threads)
    if not NATIVE.serves(rule, KINDS[type(source)]):
        return None
    d = rule.layout.dim
    work = partial(NATIVE.kernel, rule, KINDS[type(source)], arrays, want, threads)
    shape = (*_batch(rule, source), d, d)
    return backend.solve(DRIVER, lambda _: work(), source.arrays[-1], shape=shape)


def _batch(rule: Rule, source: Source) -> tuple[int, ...]:
    """Return the shape of the values."""
    if isinstance(source, Encoded):
        return (len(source.bins.indices),)
    if isinstance(source, Pencil):
        outputs = source.params.shape[0]
        return (*source.x.shape[:-1], outputs)[: None if outputs > 1 else -1]
    a = source.arrays[0]
    return a.shape[: a.ndim - len(rule.layout.core)]


def one_pass(
    backend: Backend, model: Ensemble, threads: int = THREADS
) -> Callable[[np.ndarray], np.ndarray | None] | None:
    """Return `Backend.one_pass` of NumPy arrays, recorded for `eigcore.trace`."""
    kinds = KINDS[Encoded]
    if NATIVE is None or not all(NATIVE.serves(rule, kinds) for rule in model.rules):
        return None
    members = zip(model.rules, model.params, model.weights, strict=True)
    made = NATIVE.ensemble(model.columns, model.parts, model.terms, model.runs, list(members))
    d = max(rule.layout.dim for rule in model.rules)

    def summed(cells: np.ndarray) -> np.ndarray | None:
        if not backend.traced:
            return made(cells, threads)
        shape = (len(model.rules), len(cells), d, d)
        return backend.solve(DRIVER, lambda _: made(cells, threads), cells, shape=shape)

    return summed


def mean_loss(
    backend: Backend, task: MeanLoss, threads: int = THREADS
) -> Callable[[np.ndarray, np.ndarray], float] | None:
    """Return `Backend.mean_loss`, recorded for `eigcore.trace` under this backend."""
    if NATIVE is None or not NATIVE.serves(task.rule, KINDS[Encoded]):
        return None
    at, d, fractions = NATIVE.mean_loss(*task[:-1]), task.rule.layout.dim, task.bins.fractions

    def value(matrices: np.ndarray, slope: np.ndarray) -> float:
        if not backend.traced:
            return at(matrices, slope, threads)
        work, shape = partial(at, matrices, slope, threads), (len(fractions), d, d)
        return float(backend.solve(DRIVER, lambda _: np.array(work()), fractions, shape=shape))

    return value


def descent(task: MeanLoss, threads: int = THREADS) -> Callable[..., tuple[Any, ...]] | None:
    """Return `Backend.descent`."""
    if DESCENT is None or task.coordinates is None or not NATIVE.serves(task.rule, KINDS[Encoded]):
        return None
    return partial(DESCENT(task.coordinates, *task[:-1]), threads=threads)


def eigenpairs(
    backend: Backend, M: np.ndarray, lo: int, hi: int, vectors: bool, threads: int = THREADS
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return eigenpairs lo … hi of NumPy matrices; None for few large ones: LAPACK is faster."""
    d = M.shape[-1]
    if NATIVE is None or not (many(M.size // max(d * d, 1), d) if vectors else d <= LARGEST):
        return None
    work = partial(NATIVE.eigenpairs, lo=lo, hi=hi, vectors=vectors, threads=threads)
    return backend.solve(DRIVER, work, M)


def eigenpairs_tridiagonal(
    backend: Backend,
    diag: np.ndarray,
    off: np.ndarray,
    lo: int,
    hi: int,
    vectors: bool,
    threads: int = THREADS,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return `eigenpairs` of tridiagonal matrices: diag (..., d), off (..., d − 1)."""
    d = diag.shape[-1]
    if NATIVE is None or not many(diag.size // max(d, 1), d):
        return None
    work = partial(NATIVE.eigenpairs_tridiagonal, lo=lo, hi=hi, vectors=vectors, threads=threads)
    return backend.solve(DRIVER, work, diag, off, shape=(*diag.shape, d))


def svd(
    backend: Backend, X: np.ndarray, threads: int = THREADS
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return thin singular value decompositions of NumPy matrices, or None if LAPACK is faster."""
    return backend.solve(DRIVER, partial(SVD, threads=threads), X) if small(X) else None


def small(X: Any) -> bool:
    """Whether singular value decompositions of an array of matrices beat LAPACK."""
    *lead, m, n = X.shape
    count = math.prod(lead)
    many = count >= MANY
    wide = count >= 2 * MANY and not DRIVER.endswith("baseline")
    columns, entries = COLUMNS[many + wide]
    return SVD is not None and n <= columns and m * n <= entries


def all_finite(a: np.ndarray) -> bool:
    """Whether all numbers of a float array are finite."""
    return bool(np.isfinite(a).all()) if NATIVE is None else NATIVE.all_finite(a)
