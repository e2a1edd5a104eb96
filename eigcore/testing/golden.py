"""Golden vectors: inputs that are exact in every dtype, results from mpmath with 50 digits.

They are stored beside this file and never change with the code. To compute them again::

    python -m eigcore.testing.golden
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.testing import exact
from eigcore.testing.cases import FUNCTIONALS, STRUCTURES, tridiagonal
from eigcore.testing.hard import BANDS

FILE = "golden.json"
DIGITS = 50


@dataclass(frozen=True)
class Golden:
    """A model, its inputs and a cotangent, with the values and the pullback.

    Parameters
    ----------
    name : str
    spec : EigSpec
    params, x, cotangent : arrays as for `eigcore.vjp`, multiples of 1/8
    values, d_params, d_x : arrays, correctly rounded to float64
    norm, gap : float
        Largest ‖A(x)‖₂ (or φ) and smallest gap over all rows.
    """

    name: str
    spec: EigSpec
    params: np.ndarray
    x: np.ndarray
    cotangent: np.ndarray
    values: np.ndarray
    d_params: np.ndarray
    d_x: np.ndarray
    norm: float
    gap: float

    @property
    def structure(self) -> str:
        """The structure that the backend must declare."""
        return self.spec.structure.split(":")[0]


@dataclass(frozen=True)
class Spectrum:
    """A tridiagonal matrix, exact in float32, with all its eigenvalues."""

    name: str
    diag: Sequence[float]
    off: Sequence[float]
    values: np.ndarray
    structure: str = "tridiagonal"

    @property
    def matrix(self) -> np.ndarray:
        """The whole matrix (d, d)."""
        return tridiagonal(self.diag, self.off)


@lru_cache(maxsize=1)
def stored() -> tuple[Golden | Spectrum, ...]:
    """Return the vectors that ship with the package."""
    data = json.loads((resources.files("eigcore.testing") / FILE).read_text("utf-8"))
    models = []
    for item in data["models"]:
        spec = EigSpec.from_json(json.dumps(item.pop("spec")))
        fields: dict[str, Any] = {
            key: np.array(value) if isinstance(value, list) else value
            for key, value in item.items()
        }
        models.append(Golden(spec=spec, **fields))
    spectra = [
        Spectrum(item["name"], item["diag"], item["off"], np.array(item["values"]))
        for item in data["spectra"]
    ]
    return (*models, *spectra)


# -- computing them; needs mpmath


def specs() -> dict[str, EigSpec]:
    """Name the models: every functional, every structure, sizes 1 to 11, two outputs."""
    named = {
        f"{phi}, {structure}": EigSpec(2, 5, structure=structure, functional=phi, **own)
        for phi, own in FUNCTIONALS.items()
        for structure in (STRUCTURES if phi in ("kth", "smooth") else ("dense",))
    }
    named |= {f"kth, d={d}": EigSpec(2, d) for d in (1, 2, 3, 11)}
    named["kth, tridiagonal, d=11"] = EigSpec(1, 11, structure="tridiagonal", index="convex")
    named["smooth, d=1"] = EigSpec(1, 1, functional="smooth", alpha=0.5)
    named["two outputs"] = EigSpec(2, 3, outputs=2, index="concave")
    named["no features"] = EigSpec(0, 3, functional="softmax", t=0.25)
    return named


def compute(name: str, spec: EigSpec) -> dict[str, Any]:
    """Return the entry of one model: of a hundred draws, the one with the widest smallest gap."""
    draws = (_draw(spec, seed) for seed in range(100))
    params, x = max(draws, key=lambda draw: _gap(spec, *draw))
    shape = (len(x), spec.outputs)
    cotangent = np.random.default_rng(7).integers(4, 17, size=shape) / 8
    values, d_params, d_x, norm, gap = _exactly(spec, params, x, cotangent)
    flat = spec.outputs == 1
    return {
        "name": name,
        "spec": json.loads(spec.to_json()),
        "params": params.tolist(),
        "x": x.tolist(),
        "cotangent": (cotangent[:, 0] if flat else cotangent).tolist(),
        "values": [row[0] if flat else row for row in _floats(values)],
        "d_params": _floats(d_params),
        "d_x": _floats(d_x),
        "norm": float(norm),
        "gap": float(gap),
    }


def _draw(spec: EigSpec, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    params = rng.integers(-12, 13, size=spec.params_shape) / 8
    return params, rng.integers(-8, 9, size=(3, spec.features)) / 8


def _gap(spec: EigSpec, params: np.ndarray, x: np.ndarray) -> float:
    if spec.dim == 1:
        return 1.0
    lam = np.array([exact.spectrum(spec, params, row) for row in x])
    return float(np.diff(lam, axis=-1).min())


def _exactly(spec: EigSpec, params: np.ndarray, x: np.ndarray, g: np.ndarray) -> tuple:
    """Return values, d_params, d_x as nested lists of mpmath numbers, and ‖A‖ and the gap.

    ∂φ/∂A = V diag(w) Vᵀ; the derivative by an off-diagonal packed number is √2 times its entry.
    """
    import mpmath as mp

    places, half = exact.entries(spec), mp.sqrt(mp.mpf(1) / 2)
    values, d_x, norm, gap = [], [], mp.mpf(0), mp.mpf("inf")
    d_params = [[[mp.mpf(0)] * spec.packed_size for _ in row] for row in params]
    for i, row in enumerate(x):
        ones = [mp.mpf(1), *map(mp.mpf, row)]
        values.append([])
        d_x.append([mp.mpf(0)] * spec.features)
        for m, pencil in enumerate(params):
            packed = [mp.fdot(ones, map(mp.mpf, column)) for column in pencil.T]
            lam, V = mp.eigsy(mp.matrix(exact.unpack(spec, packed, half)))
            lam = list(lam)
            value, w = exact.value_and_weights(spec, lam, mp)
            values[-1].append(value)
            norm = max(norm, *map(abs, lam), abs(value))
            gap = min([gap, *(b - a for a, b in pairwise(lam))])
            G = [sum(w[j] * V[a, j] * V[b, j] for j in range(spec.dim)) for a, b in places]
            scale = [1 if a == b else 2 * half for a, b in places]
            slope = [mp.mpf(g[i, m]) * s * e for s, e in zip(scale, G, strict=True)]
            for term, factor in enumerate(ones):
                for e, s in enumerate(slope):
                    d_params[m][term][e] += factor * s
                if term:
                    d_x[-1][term - 1] += mp.fdot(slope, map(mp.mpf, pencil[term]))
    return values, d_params, d_x, norm, min(gap, mp.mpf(1))


def _floats(a: Any) -> Any:
    return [_floats(item) for item in a] if isinstance(a, list) else float(a)


def main() -> None:
    """Compute all vectors and write the file."""
    import mpmath as mp

    mp.mp.dps = DIGITS
    spectra = [
        {
            "name": name,
            "diag": diag.tolist(),
            "off": off.tolist(),
            "values": _floats(list(mp.eigsy(mp.matrix(tridiagonal(diag, off).tolist()), True))),
        }
        for name, (diag, off) in BANDS.items()
    ]
    data = {
        "digits": DIGITS,
        "mpmath": mp.__version__,
        "models": [compute(name, spec) for name, spec in specs().items()],
        "spectra": spectra,
    }
    with resources.as_file(resources.files("eigcore.testing") / FILE) as path:
        path.write_text(json.dumps(data, separators=(",", ":")) + "\n", "utf-8")
    print(f"{path}: {len(data['models'])} models, {len(spectra)} spectra")


if __name__ == "__main__":
    main()
