"""Models with their linear layers replaced by two factors.

One pass over data gives second moments E xxᵀ of the inputs of every layer and, where a method asks
for them, squared gradients of a loss; `methods` says what each way to replace a layer loses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.api.hosted import hosted, returned
from eigcore.core.arrays import Array
from eigcore.core.options import one_of
from eigcore.errors import InvalidInput
from eigcore.lowrank.allocation import least_lost, ranks
from eigcore.lowrank.methods import COLUMNS, LOSSES, METHODS, Choices, Metrics
from eigcore.lowrank.network import Network, Replacement, batches_of, network_of
from eigcore.lowrank.statistics import OUTPUT, Statistics, collected, measured, share

SAME = 1e-10
"""Inputs are the same if sums and sums of squares of each differ by no larger share."""


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
        One per layer: name; shape (m, n); rank; columns, how many are kept beside the factors;
        numbers, those that the layer keeps, where a shared A counts in its first layer; energy, the
        share of ‖L^{1/2} W R^{1/2}‖_F² that the method keeps; predicted, the error of the outputs
        y on the layer's own inputs, √(E‖y′ − y‖² / E‖y − E y‖²); and measured, the same error
        inside the new model, whose earlier layers are off too.
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
    together: bool = False,
) -> Compressed:
    """Return a model whose linear and 1×1 convolution layers are products of two factors.

    Ranks follow from one rule for all layers; a layer that factors would not make smaller stays
    whole.

    Parameters
    ----------
    model : torch module, or pytree of JAX arrays
        Stays as it is.
    data : one batch, or an iterable of batches
        A batch is an input, or a tuple or list (input, target); a single batch with a target is a
        tuple. They are read twice: to see the layers, and to measure the result.
    keep : float
        Share of the numbers of the layers' weights that is kept, in (0, 1].
    method : {"svd-llm", "asvd", "fwsvd", "svd", "eora", "lost", "nystrom"}
        Factors in a metric: second moments of the inputs, their diagonal, squared gradients of the
        loss summed over rows, or none. "nystrom": some inputs alone, from which the moments tell
        the others. "eora": such inputs or none, and factors of the error that is left, in the
        metric of the moments. "lost": factors, and some columns of the error that is left.
    loss : callable, optional
        ``loss(output, target)``, a number, for squared gradients: one gradient per batch, so small
        batches come closer to the Fisher information. An input without a target is its own target.
    apply : callable, optional
        ``apply(model, input)`` returns the output. Default: ``model(input)``; JAX needs it.
    rule : {"energy", "threshold"}
        As for `ranks`; "threshold" for the methods without columns.
    shift : bool
        Add (W − W′) E x to the bias of a layer: the best constant, so that moments count around the
        mean. Without it the methods are as published.
    together : bool
        Layers of torch with the same inputs, such as queries, keys and values, share A: their
        weights count as one matrix (concatenated singular value decomposition).

    Returns
    -------
    Compressed
        Memory: one float64 matrix n × n for each layer of n inputs.

    Raises
    ------
    InvalidInput, NonFiniteInput
        An unknown method or share, no loss where one is needed, data that can be read only once, a
        model without such layers, a rule or sharing that does not go with the rest, or inputs that
        are not finite.
    """
    _checked(method, loss, rule)
    network, batches = network_of(model, apply), batches_of(data)
    seen = collected(network, batches, loss if method in LOSSES else None)
    matrices, skipped = network.matrices, {**network.skipped}
    skipped |= {name: "no batch reaches it" for name in matrices if name not in seen}
    if not seen:
        raise InvalidInput(
            f"No weight of the {type(model).__name__} can be replaced ({_reasons(skipped)}); "
            "expected linear layers or 1×1 convolutions. Use low_rank for single matrices."
        )
    groups = [
        _Group.of(names, network, seen, method, shift)
        for names in (_sharing(network, seen) if together else [[name] for name in seen])
    ]
    lines, parts = {}, {}
    for group, choice in zip(groups, _chosen(groups, keep, rule), strict=True):
        for name, line, part in group.cut(choice):
            lines[name] = line
            if part is not None:
                parts[name] = part
    new = network.replaced(parts)
    off = measured(network, new, batches)
    layers = [lines[name] | {"measured": off[name]} for name in seen]
    return Compressed(new.model, new.apply, layers, skipped, off[OUTPUT])


@dataclass(frozen=True)
class _Group:
    """Layers with the same inputs as one matrix W, mostly of one layer."""

    matrices: dict[str, Array]
    W: np.ndarray
    choices: Choices
    mean: np.ndarray
    around: np.ndarray
    moments: np.ndarray

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        network: Network,
        seen: Mapping[str, Statistics],
        method: str,
        shift: bool,
    ) -> _Group:
        """Return layers with all ways in which a method replaces them."""
        own = {name: network.matrices[name] for name in names}
        W = np.concatenate([hosted(matrix, name) for name, matrix in own.items()])
        first = seen[names[0]]
        around = first.moments(True)
        moments = around if shift else first.moments(False)
        squares = np.concatenate([np.broadcast_to(seen[a].squares, len(own[a])) for a in names])
        return cls(
            own, W, METHODS[method](W, Metrics(moments, squares)), first.mean, around, moments
        )

    def cut(self, choice: int) -> Iterator[tuple[str, dict[str, Any], Replacement | None]]:
        """Yield for each layer its name, its line in the report and what replaces it."""
        found, start = self.choices.replacement(choice), 0
        E = 0 * self.W if found is None else self.W - found.dense()
        shared = None if found is None else returned(found.A, next(iter(self.matrices.values())))
        for number, (name, matrix) in enumerate(self.matrices.items()):
            rows = slice(start, start := start + len(matrix))
            line, part = self._line(name, choice, E[rows], self.W[rows]), None
            if found is not None:
                line["rank"] = len(found.A)
                line["numbers"] = found.B[rows].size + found.C[rows].size
                line["numbers"] += 0 if number else found.A.size
                off = [E[rows] @ self.mean] if self.moments is self.around else []
                B, C, *off = (returned(a, matrix) for a in (found.B[rows], found.C[rows], *off))
                part = Replacement(B, shared, C, found.place, *off)
            yield name, line, part

    def _line(self, name: str, choice: int, E: np.ndarray, W: np.ndarray) -> dict[str, Any]:
        """Return the line of a layer whose matrix W is off by E, with all its numbers."""
        spread = float(((W @ self.around) * W).sum())
        return {
            "name": name,
            "shape": [*W.shape],
            "rank": min(W.shape),
            "columns": int(self.choices.columns[choice]),
            "numbers": W.size,
            "energy": 1 - float(self.choices.lost[choice]),
            "predicted": share(float(((E @ self.moments) * E).sum()), spread) ** 0.5,
        }


def _chosen(groups: Sequence[_Group], keep: float, rule: str) -> list[int]:
    """Return the choice of each group that keeps a share of all numbers."""
    choices = [group.choices for group in groups]
    if rule == "energy":
        whole = sum(group.W.size for group in groups)
        return least_lost([(each.lost, each.cost) for each in choices], keep, whole)
    found = ranks([each.spectrum for each in choices], keep, [g.W.shape for g in groups], rule)
    return [
        int(np.flatnonzero(each.ranks == rank)[-1])
        for each, rank in zip(choices, found, strict=True)
    ]


def _sharing(network: Network, seen: Mapping[str, Statistics]) -> list[list[str]]:
    """Return names in groups of layers of one kind that saw the same inputs."""
    groups: list[tuple[Any, np.ndarray, list[str]]] = []
    for name, own in seen.items():
        if (kind := network.kind(name)) is None:
            raise InvalidInput(
                "together=True needs layers that hold one array in common, which nested parameters "
                "cannot say; expected a torch module. Write together=False."
            )
        mark = np.concatenate((own.total, own.second.diagonal()))
        for other, known, names in groups:
            if (kind, own.count) == other and np.allclose(
                mark, known, SAME, SAME * abs(known).max()
            ):
                names.append(name)
                break
        else:
            groups.append(((kind, own.count), mark, [name]))
    return [names for *_, names in groups]


def _checked(method: str, loss: Any, rule: str) -> None:
    one_of("method", method, METHODS)
    if method in LOSSES and loss is None:
        raise InvalidInput(
            f'method="{method}" needs a loss, and there is none; expected loss(output, target). '
            'Write loss=torch.nn.functional.cross_entropy, or method="svd-llm".'
        )
    one_of("rule", rule, ("energy", "threshold"))
    if rule == "threshold" and method in COLUMNS:
        raise InvalidInput(
            f'rule="threshold" finds ranks, and method="{method}" keeps columns too; expected '
            'rule="energy". Write rule="energy", or method="svd".'
        )


def _reasons(skipped: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in [*skipped.items()][:3]) or "it has none"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
