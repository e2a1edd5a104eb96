"""What LAPACK says of packed rows, and the gradient in every layout."""

import numpy as np

CASES = [(t, d) for t in (np.float64, np.float32) for d in (1, 2, 3, 5, 8, 15, 20, 26, 33)]


def weights(d):
    i, j = np.tril_indices(d)
    return i, j, np.where(i == j, 1, np.sqrt(2))


def unpack(p, d):
    i, j, w = weights(d)
    m = np.zeros((*p.shape[:-1], d, d))
    m[..., i, j] = p / w
    m[..., j, i] = p / w
    return m


def reference(p, d, k):
    """λ_k of packed rows, its packed gradient, and the smallest gap of the spectra."""
    i, j, w = weights(d)
    values, vectors = np.linalg.eigh(unpack(p.astype(float), d))
    v = vectors[..., k]
    return values[..., k], w * v[..., i] * v[..., j], np.min(np.diff(values, axis=-1), initial=1)


def in_layout(kind, m):
    """Symmetric matrices, or the gradient by them, as rows: the adjoint of reading rows."""
    d = m.shape[-1]
    i, j, w = weights(d)
    near = i - j <= 1
    return {
        "square": lambda: m,
        "full": lambda: m.reshape(*m.shape[:-2], d * d),
        "packed": lambda: m[..., i, j] * w,
        "band": lambda: (m[..., i, j] * w)[..., near],
        "pair": lambda: np.concatenate(
            [m[..., range(d), range(d)], 2 * m[..., range(1, d), range(d - 1)]], -1
        ),
    }[kind]()


def close(a, b, dtype, gap=1.0):
    scale = max(1.0, float(np.max(np.abs(b), initial=0)))
    np.testing.assert_allclose(a, b, rtol=0, atol=3000 * np.finfo(dtype).eps * scale / min(gap, 1))
