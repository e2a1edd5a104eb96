"""Shape and scale of the weight matrices of a model, layer by layer.

C. H. Martin and M. W. Mahoney, "Post-mortem on a deep learning contest: a Simpson's paradox and the
complementary roles of scale metrics versus shape metrics" (arXiv 2106.00734).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.api.inputs import prepared
from eigcore.api.spectral import spectral_map
from eigcore.core.options import classes, one_of
from eigcore.core.scalars import is_real
from eigcore.drawing import COLOURS, MARKERS, axes_of, legend, style
from eigcore.errors import InvalidInput
from eigcore.spectra.density import squared
from eigcore.spectra.power_law import power_law

_LEAST = 10
"""Singular values that a layer must have for a power law."""
_TICKS = 24
"""Names of layers below a plot, at most."""


@dataclass(frozen=True)
class Metrics:
    """Metrics of the layers of a model.

    Parameters
    ----------
    layers : list of dict
        One for each: name, shape, log_frobenius (log₁₀ ‖W‖_F²), log_spectral (log₁₀ λ_max), alpha,
        alpha_weighted (α log₁₀ λ_max), ks, fits and stable_rank; λ are eigenvalues of WᵀW. alpha,
        alpha_weighted, ks and fits are None for layers with few singular values, logarithms for
        zero.
    """

    layers: list[dict[str, Any]]

    def mean(self, name: str) -> float:
        """Return the mean of a metric over the layers that have it."""
        self._known(name)
        known = [layer[name] for layer in self.layers if layer[name] is not None]
        return float(np.mean(known)) if known else math.nan

    def _known(self, name: str) -> None:
        one_of("name", name, [key for key in self.layers[0] if key not in ("name", "shape")])

    def json(self) -> str:
        """Return the layers as JSON."""
        return json.dumps(self.layers)

    def __str__(self) -> str:
        names = [name for name in self.layers[0] if name != "name"]
        rows = [[layer["name"], *(_text(layer[name]) for name in names)] for layer in self.layers]
        rows.insert(0, ["layer", *names])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def plot(self, name: str = "alpha", ax: Any = None) -> Any:
        """Draw a metric over the layers, into `ax` or a new figure; return the axes.

        Marks of exponents are empty where no power law fits.
        """
        self._known(name)
        axes = axes_of(ax)
        known = [(i, layer) for i, layer in enumerate(self.layers) if layer[name] is not None]
        axes.plot([i for i, _ in known], [layer[name] for _, layer in known], **style(0))
        law = [layer["fits"] or not name.startswith("alpha") for _, layer in known]
        for fits, face, label in ((True, COLOURS[0], ""), (False, "white", "no power law fits")):
            places = [pair for pair, each in zip(known, law, strict=True) if each == fits]
            if places:
                x, y = [i for i, _ in places], [layer[name] for _, layer in places]
                axes.plot(x, y, MARKERS[0], color=COLOURS[0], markerfacecolor=face, label=label)
        legend(axes)
        step = math.ceil(len(self.layers) / _TICKS)
        names = [layer["name"] for layer in self.layers[::step]]
        axes.set_xticks(range(0, len(self.layers), step), names, rotation=60, ha="right")
        axes.set_ylabel(name.replace("_", " "))
        return axes


def metrics(model: Any, xmin: Any = "ks") -> Metrics:
    """Return shape and scale metrics of every weight matrix of a model.

    Parameters
    ----------
    model : torch module, or nested dicts, lists and tuples of arrays (a JAX pytree)
        Arrays with fewer than two axes and empty ones are left out; kernels of convolutions become
        (out, rest).
    xmin : {"ks", "median"} or float
        As for `power_law`.

    Returns
    -------
    Metrics
        Print it for a table; `.json()`, `.plot("alpha")`, `.mean("alpha")`.

    Raises
    ------
    InvalidInput, NonFiniteInput
        No matrix, or entries that are not finite.
    """
    layers = [_layer(name, W, xmin) for name, W in _matrices(model)]
    if not layers:
        raise InvalidInput(
            f"The {type(model).__name__} has no array with two axes; expected a torch module or "
            'nested dicts and lists of arrays. Type: metrics({"weight": W})'
        )
    return Metrics(layers)


def smoothed(W: Any, share: float = 0.2) -> Any:
    """Return W with the largest singular values only: the smoothing test SVD20, or SVD10.

    Parameters
    ----------
    W : (m, n) array of any backend
    share : float
        Share of the min(m, n) singular values that is kept, rounded up: 0.2 for SVD20, 0.1 for
        SVD10. Equal ones are kept or dropped together.

    Returns
    -------
    (m, n) array

    Raises
    ------
    InvalidInput, NonFiniteInput
        As for `spectral_map`, or a share that is not in (0, 1].
    """
    if not is_real(share) or not 0 < share <= 1:
        raise InvalidInput(f"share is {share!r}; expected 0 < share <= 1. Write share=0.2.")
    _, (own,), _ = prepared(None, W)
    least = min(own.shape[-2:], default=1)
    kept = math.ceil(round(share * least, 9))  # 0.07 · 100 is 7.000000000000001
    return spectral_map(W, "truncate", rank=max(1, kept))


def trend(metric: Any, quality: Any, groups: Any) -> dict[str, Any]:
    """Return the trends of a quality over a metric, over all models and within groups.

    Parameters
    ----------
    metric, quality : (N,) arrays
        One number per model.
    groups : (N,) sequence
        The group of each model, such as its depth.

    Returns
    -------
    dict
        "overall" and "within": slopes of least squares, the latter with one offset per group;
        "simpson": whether they differ in sign, so that the overall trend is misleading.

    Raises
    ------
    InvalidInput, NonFiniteInput
        Fewer than two models, or other lengths.
    """
    x, y = hosted(metric, "metric", 1), hosted(quality, "quality", 1)
    own = np.unique(classes("groups", groups), return_inverse=True)[1].ravel()
    if not len(x) == len(y) == len(own) > 1:
        raise InvalidInput(
            f"metric, quality and groups have lengths {len(x)}, {len(y)} and {len(own)}; expected "
            "equal ones above 1. Give one number and one group per model."
        )
    count = np.bincount(own)
    inside = [a - (np.bincount(own, a) / count)[own] for a in (x, y)]
    slopes = [_slope(x - x.mean(), y - y.mean()), _slope(*inside)]
    return {"overall": slopes[0], "within": slopes[1], "simpson": slopes[0] * slopes[1] < 0}


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    square = float(x @ x)
    return float(x @ y) / square if square > 0 else 0.0


def _layer(name: str, W: np.ndarray, xmin: Any) -> dict[str, Any]:
    squares = squared(W)
    top, total = float(squares[0]), float(squares.sum())
    found: dict[str, Any] = {
        "name": name,
        "shape": list(W.shape),
        "log_frobenius": math.log10(total) if total > 0 else None,
        "log_spectral": math.log10(top) if top > 0 else None,
        "alpha": None,
        "alpha_weighted": None,
        "ks": None,
        "fits": None,
        "stable_rank": total / top if top > 0 else 0.0,
    }
    different = np.unique(squares[squares > 0])
    if len(different) >= _LEAST:
        law = power_law(squares, xmin)
        found |= {"alpha": law.alpha, "ks": law.ks, "fits": law.fits}
        found["alpha_weighted"] = law.alpha * found["log_spectral"]
    return found


def _matrices(model: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each weight matrix and the matrix, as float64 in NumPy."""
    for name, a in _leaves("", model):
        if getattr(a, "ndim", 0) >= 2 and 0 not in a.shape:
            yield name, hosted(a.reshape(a.shape[0], -1), name)


def _leaves(path: str, tree: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(tree, "named_parameters"):
        yield from tree.named_parameters()
        return
    if isinstance(tree, Mapping):
        parts = tree.items()
    elif isinstance(tree, (list, tuple)):
        parts = enumerate(tree)
    else:
        yield path or "W", tree
        return
    for key, part in parts:
        yield from _leaves(f"{path}.{key}" if path else str(key), part)


def _text(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
