"""Models with their linear layers replaced by two factors.

One pass over data gives second moments E xxᵀ of the inputs of every layer and, where a method asks
for them, squared gradients of a loss; `low_rank` does the rest under these metrics.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted
from eigcore.core.arrays import Array
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidInput
from eigcore.lowrank.approximation import LowRank, low_rank, ranks
from eigcore.lowrank.network import Network, batches_of, network_of, pairs_of

METHODS = {
    "svd": (None, None),
    "fwsvd": ("squares", None),
    "asvd": (None, "scales"),
    "svd-llm": (None, "moments"),
    "both": ("squares", "moments"),
}
"""The metrics of rows and of columns of each method, as attributes of `_Statistics`."""


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
        share of ‖L^{1/2} W R^{1/2}‖_F² that the method keeps; predicted, the error of the outputs
        on the layer's own inputs, √(E‖(W − BA)x‖² / E‖Wx‖²); and measured, the same error inside
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
) -> Compressed:
    """Return a model whose linear and 1×1 convolution layers are products of two factors.

    Ranks follow from one threshold for all layers (`ranks`); a layer that would keep more than half
    of its singular values stays whole.

    Parameters
    ----------
    model : torch module, or pytree of JAX arrays
        Stays as it is.
    data : one batch, or an iterable of batches
        A batch is an input, or a tuple or list (input, target); a single batch with a target is a
        tuple. They are read twice: to see the layers, and to measure the result.
    keep : float
        Share of the numbers of the layers' weights that is kept, in (0, 1].
    method : {"svd-llm", "asvd", "fwsvd", "svd", "both"}
        Metric: second moments of the inputs, their diagonal, squared gradients of the loss summed
        over rows, none, or second moments with squared gradients.
    loss : callable, optional
        ``loss(output, target)``, a number, for squared gradients: one gradient per batch, so small
        batches come closer to the Fisher information. An input without a target is its own target.
    apply : callable, optional
        ``apply(model, input)`` returns the output. Default: ``model(input)``; JAX needs it.

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
    seen = _statistics(network, batches, loss if left else None)
    skipped = network.skipped | {
        name: "no batch reaches it" for name in network.matrices if name not in seen
    }
    if not seen:
        raise InvalidInput(
            f"No weight of the {type(model).__name__} can be replaced ({_reasons(skipped)}); "
            "expected linear layers or 1×1 convolutions. Use low_rank for single matrices."
        )
    whole = {
        name: low_rank(
            network.matrices[name],
            rank=min(network.matrices[name].shape),
            left=left and getattr(each, left),
            right=right and getattr(each, right),
        )
        for name, each in seen.items()
    }
    shapes = [tuple(network.matrices[name].shape) for name in whole]
    chosen = ranks([found.singular_values for found in whole.values()], keep, shapes)
    cut = {
        name: found.truncated(rank)
        for (name, found), rank in zip(whole.items(), chosen, strict=True)
        if rank < found.rank
    }
    new = network.replaced({name: (found.B, found.A) for name, found in cut.items()})
    measured = _measured(network, new, batches)
    layers = [
        _layer(name, network.matrices[name], each, cut.get(name), measured[name])
        for name, each in seen.items()
    ]
    return Compressed(new.model, new.apply, layers, skipped, measured[_OUTPUT])


_OUTPUT = object()
"""The key of the output of the whole model."""


class _Statistics:
    """What a pass over data says of a layer: sums of x xᵀ, and of squares of gradients by row."""

    def __init__(self) -> None:
        self.moments: Any = 0.0
        self.squares: Any = 0.0

    @property
    def scales(self) -> np.ndarray:
        """Sums of squares of each input."""
        return np.diag(self.moments)


def _statistics(
    network: Network, batches: Iterable[Any], loss: Callable[..., Any] | None
) -> dict[str, _Statistics]:
    """Return the statistics of the layers that a pass over the data reaches."""
    found: dict[str, _Statistics] = {}
    for batch, target in pairs_of(batches):
        seen = network.see(batch, target, loss)
        for name, X in seen.inputs.items():
            wide = _wide(X)
            own = found.setdefault(name, _Statistics())
            own.moments += hosted(wide.T @ wide, f"E xxᵀ of the inputs of {name}")
        for name in found.keys() & seen.gradients.keys():
            G = hosted(seen.gradients[name], f"the gradient of {name}")
            found[name].squares += (G**2).sum(1)
    return {name: found[name] for name in network.matrices if name in found}


def _measured(old: Network, new: Network, batches: Iterable[Any]) -> dict[Any, float]:
    """Return the relative errors of the outputs of all layers and of the model."""
    sums: dict[Any, np.ndarray] = {}
    for batch, _ in pairs_of(batches):
        before, after = old.see(batch), new.see(batch)
        pairs: dict[Any, Any] = {
            name: (Y, after.outputs[name]) for name, Y in before.outputs.items()
        }
        if hasattr(before.output, "shape"):
            pairs[_OUTPUT] = before.output, after.output
        for name, (Y, changed) in pairs.items():
            Y, changed = _wide(Y), _wide(changed)
            squares = [float(((changed - Y) ** 2).sum()), float((Y**2).sum())]
            sums[name] = sums.get(name, 0.0) + np.array(squares)
    found = {name: _share(off, whole) ** 0.5 for name, (off, whole) in sums.items()}
    return {_OUTPUT: np.nan} | found


def _layer(
    name: str, W: Array, seen: _Statistics, cut: LowRank | None, measured: float
) -> dict[str, Any]:
    """Return the line of a layer in the report."""
    m, n = W.shape
    found = {"name": name, "shape": [m, n], "rank": min(m, n), "numbers": m * n, "energy": 1.0}
    predicted = 0.0
    if cut is not None:
        found |= {"rank": cut.rank, "numbers": cut.rank * (m + n)}
        found["energy"] = 1 - cut.relative_error**2
        W = hosted(W, name)
        E = W - hosted(cut.B, name) @ hosted(cut.A, name)
        off, whole = (float(((D @ seen.moments) * D).sum()) for D in (E, W))
        predicted = _share(max(off, 0.0), whole) ** 0.5
    return found | {"predicted": predicted, "measured": measured}


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _wide(X: Array) -> Array:
    """Return an array as float64 on its own device, or on the host without float64 there."""
    backend = infer(X)
    if backend.switched_off("float64"):
        return hosted(X, "A layer", X.ndim)
    return backend.asarray(X, dtype="float64")


def _reasons(skipped: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in [*skipped.items()][:3]) or "it has none"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
