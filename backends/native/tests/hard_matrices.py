"""Matrices chosen to break eigensolvers, and the law they are held to."""

from functools import cache, lru_cache

import numpy as np


def dense(diagonal, off):
    d = len(diagonal)
    m = np.zeros((d, d))
    m[range(d), range(d)] = diagonal
    if d > 1:
        m[range(1, d), range(d - 1)] = m[range(d - 1), range(1, d)] = off
    return m


def wilkinson(n=10):
    """W_{2n+1}^+: pairs of eigenvalues that agree to rounding (Wilkinson 1965, p. 308)."""
    return np.abs(np.arange(-n, n + 1.0)), np.ones(2 * n)


def glued_wilkinson(copies=5, glue=1e-11):
    """Copies of W21+ joined by tiny entries: tight clusters that inverse iteration mixes up.

    Demmel, Marques, Parlett & Voemel 2008.
    """
    a, b = wilkinson()
    return np.tile(a, copies), np.concatenate([np.append(b, glue)] * copies)[:-1]


def graded(d, ratio):
    return ratio ** np.arange(d, dtype=float), 0.1 * ratio ** (np.arange(d - 1) + 0.5)


def rotated(eigenvalues, rng):
    """Dense matrix with prescribed eigenvalues."""
    q, _ = np.linalg.qr(rng.standard_normal((len(eigenvalues),) * 2))
    m = (q * np.asarray(eigenvalues, float)) @ q.T
    return (m + m.T) / 2


def clustered(d, clusters, width, rng):
    return rotated(
        np.sort(
            rng.standard_normal(clusters)[rng.integers(0, clusters, d)]
            + width * rng.standard_normal(d)
        ),
        rng,
    )


@cache
def hard_matrices(dtype):
    """name -> (d, d) matrix of the dtype."""
    rng = np.random.default_rng(0)
    eps = np.finfo(dtype).eps
    tiny, huge = np.finfo(dtype).tiny, np.finfo(dtype).max
    cases = {
        "wilkinson": dense(*wilkinson()),
        "wilkinson 101": dense(*wilkinson(50)),
        "glued wilkinson": dense(*glued_wilkinson()),
        "glued wilkinson at rounding": dense(*glued_wilkinson(4, float(eps))),
        "glued wilkinson, loose": dense(*glued_wilkinson(3, 1e-4)),
        "graded up": dense(*graded(20, 4.0)),
        "graded down": dense(*graded(20, 0.25)),
        "graded dense": rotated(10.0 ** -np.arange(12), rng),
        "zero": np.zeros((7, 7)),
        "identity": np.eye(9),
        "minus identity": -3 * np.eye(5),
        "ones": np.ones((16, 16)),
        "rank one": np.outer(np.arange(12.0), np.arange(12.0)),
        "split": dense([1, 2, 3, 1, 2, 3], [1, 1, 0, 1, 1]),
        "split in ones": dense(np.arange(8.0), np.zeros(7)),
        "almost split": dense(np.arange(10.0), float(eps) * np.ones(9)),
        "toeplitz": dense(np.zeros(33), np.ones(32)),
        "double": rotated([-1, -1, 0, 0, 2, 2], rng),
        "two clusters": clustered(24, 2, float(eps), rng),
        "three loose clusters": clustered(40, 3, 1e-5, rng),
        "tiny clusters": clustered(15, 3, 30 * float(eps), rng),
        "one far away": rotated(np.append(np.linspace(0, 1, 20), 1e6), rng),
        "zero inside": dense([0, 0, 0, 0], [1, 0, 1]),
        "swap": np.array([[0.0, 1], [1, 0]]),
        "one entry": np.array([[3.0]]),
        "hidden small last components": dense(np.arange(30.0), 1e-3 * np.ones(29)),
    }
    cases = {name: m.astype(dtype) for name, m in cases.items()}
    base = rotated(np.linspace(-1, 1, 9), rng)
    cases["near overflow"] = (base * (float(huge) / 2)).astype(dtype)
    cases["at overflow"] = np.array([[huge / 2, huge / 4], [huge / 4, -huge / 2]], dtype)
    cases["near underflow"] = (base * float(tiny) * 8).astype(dtype)
    cases["denormal"] = (base * float(tiny) / 64).astype(dtype)
    cases["smallest numbers"] = (
        np.array([[1, 2, 0], [2, -3, 1], [0, 1, 2]]) * float(np.finfo(dtype).smallest_subnormal)
    ).astype(dtype)
    cases["huge and tiny"] = (
        dense([1, 2, 3, 4.0], [1, 1, 1]) * np.outer(s := np.array([1, 1e-9, 1e-18, 1.0]), s)
    ).astype(dtype)
    return cases


@lru_cache(64)
def at_scale_one(numbers, dtype, d):
    """A matrix in extended precision, with entries below one; the power of two; LAPACK's values.

    Entries that move no value are left out: their squares are denormal, and LAPACK errs by 7e-8.
    """
    m = np.frombuffer(numbers, dtype).reshape(d, d).astype(np.longdouble)
    biggest = np.max(np.abs(m))
    exponent = -int(np.frexp(biggest)[1]) if biggest > 0 else 0
    m = np.ldexp(m, exponent)
    return m, exponent, np.linalg.eigvalsh(np.where(np.abs(m) < 1e-100, 0, m).astype(np.float64))


def law(name, matrix, k, value, vector=None):
    """|lambda - lambda_k| <= 30 d eps |A|, |A v - lambda v| <= 30 d eps |A|, |v| = 1.

    Computed in extended precision at scale one.
    """
    d = matrix.shape[-1]
    eps = float(np.finfo(matrix.dtype).eps)
    m, exponent, reference = at_scale_one(matrix.tobytes(), matrix.dtype, d)
    value = np.ldexp(np.longdouble(value), exponent)
    norm = np.max(np.abs(reference))
    grain = float(np.ldexp(np.longdouble(np.finfo(matrix.dtype).smallest_subnormal), exponent))
    bound = 30 * d * eps * norm + grain
    error = abs(float(value) - reference[k])
    assert error <= bound, (
        f"{name}, k = {k}: value {float(value)} should be {reference[k]}; "
        f"error {error:.3g} above {bound:.3g}."
    )
    if vector is not None:
        v = vector.astype(np.longdouble)
        residual = float(np.linalg.norm(((m @ v) - value * v).astype(np.float64)))
        assert residual <= bound, f"{name}, k = {k}: residual {residual:.3g} above {bound:.3g}."
        length = float(np.sqrt(np.sum(v * v)))
        assert abs(length - 1) <= 10 * d * eps, f"{name}, k = {k}: |v| = {length}."


def indices(d):
    return sorted({0, d // 2, d - 1})
