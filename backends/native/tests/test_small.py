"""Eigenvalues alone of small matrices: a search in single precision, certified in double."""

import numpy as np
import pytest
from door import rows
from hard_matrices import law
from reference import in_layout, unpack

ORDERS = [2, 3, 4, 5, 6, 7]


def with_gaps(rng, d, count):
    """Matrices with gaps from none to one, of sizes from 1e-200 to 1e200."""
    q = np.linalg.qr(rng.standard_normal((count, d, d)))[0]
    gaps = 10.0 ** rng.uniform(-18, 0, (count, d)) * (rng.random((count, d)) > 0.2)
    values = np.cumsum(gaps, axis=-1) + rng.choice([-1, 0, 1], (count, 1))
    m = np.einsum("nij,nj,nkj->nik", q, values, q)
    return (m + m.swapaxes(1, 2)) / 2 * 10.0 ** rng.uniform(-200, 200, (count, 1, 1))


@pytest.mark.parametrize("d", ORDERS)
def test_every_gap_and_size(d):
    m = with_gaps(np.random.default_rng(d), d, 300)
    for k in range(d):
        for a, value in zip(m, rows("square", m, k, "values").values, strict=True):
            law("small", a, k, value)


@pytest.mark.parametrize("kind", ["square", "full", "packed"])
@pytest.mark.parametrize("d", ORDERS)
def test_a_value_depends_on_its_own_matrix_only(d, kind):
    rng = np.random.default_rng(d)
    m = with_gaps(rng, d, 77)
    m[3], m[9], m[20] = 0, np.nan, np.inf
    m[31], m[40], m[41] = np.eye(d), 1e307, 1e-310
    p = in_layout(kind, m)
    together = rows(kind, p, d // 2, "values").values
    alone = np.concatenate([rows(kind, p[i : i + 1], d // 2, "values").values for i in range(77)])
    np.testing.assert_array_equal(together, alone)
    order = rng.permutation(77)
    np.testing.assert_array_equal(rows(kind, p[order], d // 2, "values").values, together[order])
    assert np.isnan(together[[9, 20]]).all()
    assert np.isfinite(np.delete(together, [9, 20])).all()


@pytest.mark.parametrize("d", ORDERS)
def test_typical_accuracy(d):
    rng = np.random.default_rng(d)
    p = rng.standard_normal((2000, d * (d + 1) // 2))
    m = unpack(p, d)
    size = np.linalg.norm(m, 2, axis=(1, 2))
    for k in range(d):
        error = np.abs(rows("packed", p, k, "values").values - np.linalg.eigvalsh(m)[:, k])
        error = error / size / np.finfo(float).eps
        assert np.max(error) < 4 * d
        assert np.sqrt(np.mean(error**2)) < 2
