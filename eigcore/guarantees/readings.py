"""Two readings of a model: a game of two players, a difference of convex models (math.md, 6).

Both are models themselves. They run on every backend, and can be certified, drawn and saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.guarantees.baselines import rows_of
from eigcore.guarantees.codes import code_columns
from eigcore.guarantees.explanation import by_part
from eigcore.portable.description import Described

Member = tuple[EigSpec, np.ndarray]


@dataclass(frozen=True)
class Game:
    """The decision of a row as the outcome of a game between two players.

    A vector v is a scorecard that adds up what the cells give: vᵀA_0v + Σ_j vᵀA_j(x_j)v. By Courant
    and Fischer λ_k = min max vᵀA(x)v: Low names a subspace of k + 1 dimensions, High a unit vector
    of it. If High names a subspace of d − k dimensions first, Low's best answer has the same score.

    Parameters
    ----------
    table : (1, columns) float64
        The row, with codes for levels.
    scorecard : SpectralModel
        What is left when both play their best at this row: an additive model, of order 1. Its
        decision there is the model's.
    upper, lower : SpectralModel
        What Low's (High's) subspace for this row guarantees in every row: lower ≤ decision ≤ upper,
        all three equal at this row. `upper` takes largest eigenvalues, `lower` smallest ones.
    model : SpectralModel
    """

    table: np.ndarray
    scorecard: Any
    upper: Any
    lower: Any
    model: Described = field(repr=False, compare=False)

    @property
    def scores(self) -> np.ndarray:
        """What the intercept and each part of the encoding score under `scorecard`, in this row.

        ([outputs], 1 + parts) float64, in units of the decision, which is their sum.
        """
        terms = self.model.encoding(self.table, get_backend("numpy"), codes=True)
        static, total = self.model.static, np.zeros(())
        for (_, own), weight in zip(self.scorecard.members, static.weights, strict=True):
            total = total + weight * static.scale * own[..., 0]
        parts = by_part(self.model.encoding, terms * total[:, 1:])
        found = np.concatenate([static.offset + total[:, :1], parts], axis=1)
        return found[0] if self.model.outputs == 1 else found

    def __str__(self) -> str:
        lines = [
            "Low names scorecards that add up what the cells give; High takes the mixture of them "
            "that scores highest."
        ]
        for d, k in dict.fromkeys((spec.dim, spec.k) for spec, _ in self.model.members):
            lines.append(f"Low may name {k + 1} of {d} scorecards.")
        codes = code_columns(self.model.encoding)
        labels = self.model.static.labels if self.model.outputs > 1 else ("",)
        for label, scores in zip(labels, np.atleast_2d(self.scores), strict=True):
            of = f" ({label})" if self.model.outputs > 1 else ""
            lines.append(f"When both play their best, this row scores{of}:")
            told = dict(enumerate(scores[1:].tolist()))
            for place, source in codes.items():  # a special code is a cell of its column
                told[source] += told.pop(place)
            named = [(self.model.encoding.labels[part], own) for part, own in told.items()]
            each = [("intercept", scores[0]), *named, ("decision", scores.sum())]
            width = max(len(name) for name, _ in each)
            lines += [f"  {name:<{width}}  {amount:>+12.6g}" for name, amount in each]
        lines.append(
            "In any other row the decision is at least that of `lower`, at most that of `upper`."
        )
        return "\n".join(lines)


def game(model: Described, x: Any) -> Game:
    """Read the decision of a row as the outcome of a game between two players.

    Parameters
    ----------
    model : SpectralModel
        Whose members take one eigenvalue each, functional "kth".
    x : row

    Returns
    -------
    Game

    Raises
    ------
    InvalidInput
        If a member takes another functional, or x has several rows; or as for `Encoding.table`.
    """
    table = rows_of(model, x)
    if len(table) != 1:
        raise InvalidInput(f"x has {len(table)} rows. Expected one. Pass one row.")
    other = [spec.functional for spec, _ in model.members if spec.functional != "kth"]
    if other:
        raise InvalidInput(
            f'The model takes the functional {other[0]!r}. Expected one eigenvalue, "kth", which '
            "two players settle on. Write model.convex_parts() for another reading."
        )
    terms = model.encoding(table, get_backend("numpy"), codes=True)[0]
    found: dict[str, list[Member]] = {"scorecard": [], "upper": [], "lower": []}
    for spec, own in model.members:
        V = np.linalg.eigh(matrices(spec, own[:, 0] + np.einsum("t,otk->ok", terms, own[:, 1:])))[1]
        k = spec.k
        found["scorecard"].append(_compressed(spec, own, V[..., k : k + 1], "convex"))
        found["upper"].append(_compressed(spec, own, V[..., : k + 1], "convex"))
        found["lower"].append(_compressed(spec, own, V[..., k:], "concave"))
    each = {name: _model(model, members) for name, members in found.items()}
    return Game(table, **each, model=model)


def convex_parts(model: Described) -> tuple[Any, Any]:
    """Return two models, convex in the matrices, whose decisions differ by that of the model.

    Σ_j w_j λ_j = Σ_j p_j λ_j − Σ_j n_j λ_j, where p adds up the rises of w and n its falls: both do
    not fall with j, so both sums are convex (Davis 1957). For λ_k these are the sums of the d − k
    and of the d − k − 1 largest eigenvalues.

    Parameters
    ----------
    model : SpectralModel

    Returns
    -------
    plus, minus : SpectralModel
        With the link "identity": decision = plus.decision(X) − minus.decision(X).

    Raises
    ------
    InvalidInput
        If a member takes the functional "smooth" of another eigenvalue than the largest.
    """
    split = [_split(spec) for spec, _ in model.members]
    plus, minus = (
        _model(model, [(spec, own) for spec, (_, own) in zip(side, model.members, strict=True)])
        for side in zip(*split, strict=True)
    )
    static = minus.static
    return plus, type(minus).from_static(replace(static, offset=0.0), minus.params)


def _split(spec: EigSpec) -> tuple[EigSpec, EigSpec]:
    if spec.functional == "smooth" and spec.k < spec.dim - 1:
        raise InvalidInput(
            f'The model takes the functional "smooth" of eigenvalue {spec.k} of {spec.dim}. '
            "Expected sums of eigenvalues, or the smoothed largest one. Fit with functional="
            '"kth", or index="convex".'
        )
    if spec.functional in ("smooth", "softmax"):
        return spec, _weighted(spec, np.zeros(spec.dim))
    w = spec.phi.raw_weights(get_backend("numpy"), np.zeros(spec.dim))
    steps = np.diff(w, prepend=0.0)
    steps[0], first = 0.0, w[0]
    rises, falls = np.cumsum(np.maximum(steps, 0.0)), np.cumsum(np.maximum(-steps, 0.0))
    return _weighted(spec, first + rises), _weighted(spec, falls)


def _weighted(spec: EigSpec, weights: np.ndarray) -> EigSpec:
    plain = {"index": "middle", "alpha": None, "r": None, "t": None}
    return replace(spec, functional="weighted", weights=tuple(weights.tolist()), **plain)


def _compressed(spec: EigSpec, own: np.ndarray, V: np.ndarray, index: Any) -> Member:
    """Return the pencils VᵀA_iV of a member: V (outputs, d, columns)."""
    small = EigSpec(spec.features, V.shape[-1], spec.outputs, index, monotone=spec.monotone)
    V = V[:, None]
    return small, pack(small, V.mT @ matrices(spec, own) @ V)


def _model(model: Described, members: list[Member]) -> Any:
    static = model.static
    return cast(Any, type(model))(
        static.encoding,
        members,
        target_scale=static.scale,
        target_offset=static.offset,
        target_name=static.target_name,
        weights=static.weights,
    )
