"""Models with their linear layers replaced by two factors.

One pass over data gives second moments E xxᵀ of the inputs of every layer and, where a method asks
for them, squared gradients of a loss; `low_rank` does the rest under these metrics.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.core.arrays import Array
from eigcore.errors import InvalidInput
from eigcore.lowrank.allocation import numbers, ranks
from eigcore.lowrank.approximation import LowRank, low_rank
from eigcore.lowrank.network import batches_of, network_of
from eigcore.lowrank.statistics import OUTPUT, Statistics, collected, measured, share

METHODS = {
    "svd": (False, None),
    "fwsvd": (True, None),
    "asvd": (False, "scales"),
    "svd-llm": (False, "moments"),
}
"""Whether squared gradients are the metric of rows, and what of the inputs is that of columns."""


@dataclass(frozen=True)
class Compressed:
    """A model with factors in place of weights. Print it for a table.

    Parameters
    ----------
    model : torch module, or pytree of parameters
        A copy. Layers of torch that were replaced are `eigcore_torch.Factors`, so that its
        ``state_dict()`` is loaded by `eigcore_torch.load_compressed`; leaves of JAX are
        `eigcore_jax.Factors`.
    apply : callable
        ``apply(model, input)`` returns the output; for JAX, through the factors.
    layers : list of dict
        One per layer: name; shape (m, n); rank; numbers, those that the layer keeps; energy, the
        share of ‖L^{1/2} W R^{1/2}‖_F² that the method keeps; predicted, the error of the outputs y
        on the layer's own inputs, √(E‖y′ − y‖² / E‖y − E y‖²); and measured, the same error inside
        the new model, whose earlier layers are off too.
    skipped : dict of name to str
        Why other weights stay as they are.
    error : float
        Measured, of the output of the model; NaN if the output is no array.
    """

    model: Any
    apply: Callable[..., Any]
    layers: list[dict[str, Any]]
    skipped: dict[str, str]
    error: float

    @property
    def kept(self) -> float:
        """The share of the numbers of the layers that is kept."""
        numbers = sum(layer["numbers"] for layer in self.layers)
        return numbers / sum(m * n for m, n in (layer["shape"] for layer in self.layers))

    def json(self) -> str:
        """Return the layers as JSON."""
        return json.dumps(self.layers)

    def __str__(self) -> str:
        names = [*self.layers[0]]
        rows = [[_text(layer[name]) for name in names] for layer in self.layers]
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (names, *rows)
        ]
        return "\n".join([*lines, f"kept: {self.kept:.3g}, error of the output: {self.error:.3g}"])


def compress(
    model: Any,
    data: Any,
    keep: float = 0.5,
    method: str = "svd-llm",
    loss: Callable[[Any, Any], Any] | None = None,
    apply: Callable[..., Any] | None = None,
    rule: str = "energy",
    shift: bool = True,
) -> Compressed:
    """Return a model whose linear and 1×1 convolution layers are products of two factors.

    Ranks follow from one rule for all layers (`ranks`); a layer that factors would not make smaller
    stays whole.

    Parameters
    ----------
    model : torch module, or pytree of JAX arrays
        Stays as it is.
    data : one batch, or an iterable of batches
        A batch is an input, or a tuple or list (input, target); a single batch with a target is a
        tuple. They are read twice: to see the layers, and to measure the result.
    keep : float
        Share of the numbers of the layers' weights that is kept, in (0, 1].
    method : {"svd-llm", "asvd", "fwsvd", "svd"}
        Metric: second moments of the inputs, their diagonal, squared gradients of the loss summed
        over rows, or none.
    loss : callable, optional
        ``loss(output, target)``, a number, for squared gradients: one gradient per batch, so small
        batches come closer to the Fisher information. An input without a target is its own target.
    apply : callable, optional
        ``apply(model, input)`` returns the output. Default: ``model(input)``; JAX needs it.
    rule : {"energy", "threshold"}
        As for `ranks`.
    shift : bool
        Add (W − BA) E x to the bias of a layer: the best constant, so that moments count around the
        mean. Without it the methods are as published.

    Returns
    -------
    Compressed
        Memory: one float64 matrix n × n for each layer of n inputs.

    Raises
    ------
    InvalidInput, NonFiniteInput
        An unknown method or share, no loss where one is needed, data that can be read only once, a
        model without such layers, or inputs that are not finite.
    """
    if method not in METHODS:
        raise InvalidInput(
            f'method is {method!r}; expected one of {", ".join(METHODS)}. Write method="svd-llm".'
        )
    left, right = METHODS[method]
    if left and loss is None:
        raise InvalidInput(
            f'method="{method}" needs a loss, and there is none; expected loss(output, target). '
            'Write loss=torch.nn.functional.cross_entropy, or method="svd-llm".'
        )
    network, batches = network_of(model, apply), batches_of(data)
    seen = collected(network, batches, loss if left else None)
    matrices, skipped = network.matrices, {**network.skipped}
    skipped |= {name: "no batch reaches it" for name in matrices if name not in seen}
    if not seen:
        raise InvalidInput(
            f"No weight of the {type(model).__name__} can be replaced ({_reasons(skipped)}); "
            "expected linear layers or 1×1 convolutions. Use low_rank for single matrices."
        )
    layers = {name: _layer(matrices[name], each, left, right, shift) for name, each in seen.items()}
    spectra = [layer.whole.singular_values for layer in layers.values()]
    chosen = ranks(spectra, keep, [layer.W.shape for layer in layers.values()], rule)
    cut = {
        name: layer.whole.truncated(rank)
        for (name, layer), rank in zip(layers.items(), chosen, strict=True)
        if rank < min(layer.W.shape)
    }
    new = network.replaced(
        {
            name: tuple(returned(a, matrices[name]) for a in layers[name].factors(found))
            for name, found in cut.items()
        }
    )
    off = measured(network, new, batches)
    lines = [_line(name, layer, cut.get(name), off[name]) for name, layer in layers.items()]
    return Compressed(new.model, new.apply, lines, skipped, off[OUTPUT])


@dataclass(frozen=True)
class _Layer:
    """A layer with its metrics, and its best factors of full rank in them."""

    W: np.ndarray
    whole: LowRank
    mean: np.ndarray
    around: np.ndarray
    moments: np.ndarray

    def factors(self, cut: LowRank) -> tuple[np.ndarray, ...]:
        """Return B, A and, if moments are around the mean, (W − BA) E x, which a bias takes."""
        return (cut.B, cut.A, *([self.off(cut) @ self.mean] if self.moments is self.around else []))

    def off(self, cut: LowRank) -> np.ndarray:
        """Return W − BA."""
        return self.W - cut.B @ cut.A

    def predicted(self, cut: LowRank) -> float:
        """Return √(E‖y′ − y‖² / E‖y − E y‖²) on the inputs that were seen."""
        E = self.off(cut)
        spread = float(((self.W @ self.around) * self.W).sum())
        return share(float(((E @ self.moments) * E).sum()), spread) ** 0.5


def _layer(W: Array, seen: Statistics, left: bool, right: str | None, shift: bool) -> _Layer:
    """Return a layer with its metrics, of the rows and of the columns."""
    around = seen.moments(True)
    moments = around if shift else seen.moments(False)
    metric = np.diag(moments) if right == "scales" else moments
    host = hosted(W, "W")
    whole = low_rank(
        host,
        rank=min(host.shape),
        left=seen.squares if left else None,
        right=metric if right else None,
    )
    return _Layer(host, whole, seen.mean, around, moments)


def _line(name: str, layer: _Layer, cut: LowRank | None, off: float) -> dict[str, Any]:
    """Return the line of a layer in the report."""
    rank = min(layer.W.shape) if cut is None else cut.rank
    return {
        "name": name,
        "shape": [*layer.W.shape],
        "rank": rank,
        "numbers": numbers(rank, layer.W.shape),
        "energy": 1.0 if cut is None else 1 - cut.relative_error**2,
        "predicted": 0.0 if cut is None else layer.predicted(cut),
        "measured": off,
    }


def _reasons(skipped: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in [*skipped.items()][:3]) or "it has none"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
