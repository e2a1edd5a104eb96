"""The options of a layer, as its description."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

from eigcore.api.inputs import raising
from eigcore.core import weights
from eigcore.core.scalars import is_real, is_whole
from eigcore.core.spec import EigSpec
from eigcore.errors import InvalidSpec
from eigcore.layers.description import Layer

_OPTIONS = ("structure", "functional", "alpha", "r", "t", "weights", "monotone")
"""Options that `EigSpec` has too."""
Index: TypeAlias = Literal["middle", "convex", "concave"] | int


def layer(
    features: int,
    outputs: int,
    dim: int,
    *,
    index: Index | Sequence[Index] = "middle",
    categories: int = 0,
    context: int = 0,
    nonnegative: bool = False,
    ascending: bool = False,
    **options: Any,
) -> Layer:
    """Describe a layer.

    Parameters
    ----------
    features : int
        Size n of x; 0 for a layer of categories only.
    outputs : int
        Number of values.
    dim : int
        Order d of the matrices.
    index : {"middle", "convex", "concave"}, int, or a sequence of them
        Which eigenvalue, see `EigSpec`. A sequence takes several from each pencil; there are then
        outputs / len(index) pencils. With len(index) = outputs, all outputs share one pencil.
    categories : int
        Number of further matrices, addressed by ids.
    context : int
        Size of z; the pencil is then A_0(z) + Σ x_i A_i(z).
    nonnegative, ascending : bool
        For ``functional="weighted"`` without `weights`, which learns the weights of each pencil:
        promise w ≥ 0, which `monotone` needs, or w_0 ≤ w_1 ≤ …, which makes outputs convex in x.
    **options
        structure, functional, alpha, r, t, weights and monotone, see `EigSpec`.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    TypeError
        An option that does not exist.
    """
    _check_names(options)
    indices = (index,) if isinstance(index, str) or not isinstance(index, Sequence) else index
    indices = tuple(indices)
    if not indices or not is_whole(outputs) or outputs % len(indices):
        raise InvalidSpec(
            f"outputs is {outputs!r} and index is {index!r}; expected as many outputs as indices, "
            "or a multiple of that. Write outputs=len(index) for one pencil."
        )
    functional = options.get("functional", "kth")
    if len(indices) > 1 and functional not in ("kth", "smooth"):
        raise InvalidSpec(
            f"index is {index!r}, but the functional {functional!r} takes no index: all would be "
            "the same. Expected one value per pencil. Leave index out."
        )
    promised = dict(zip(weights.KINDS, (nonnegative, ascending), strict=True))
    for kind, on in promised.items():
        if not isinstance(on, bool):
            raise InvalidSpec(f"{kind} is {on!r:.80}; expected True or False. Write {kind}=True.")
    kinds = tuple(kind for kind, on in promised.items() if on)
    learned = kinds if functional == "weighted" and options.get("weights") is None else None
    if kinds and learned is None:
        raise InvalidSpec(
            f'{kinds[0]} is for learned weights; expected functional="weighted" without weights. '
            f"Leave {kinds[0]} out, or leave weights out to learn them."
        )
    pencils = outputs // len(indices)
    if learned is not None:  # the first pencil starts as λ_k
        k = EigSpec(features, dim, index=next(iter(indices))).k
        options["weights"] = tuple(weights.first(kinds, dim, k, 1)[0].tolist())
    specs = tuple(EigSpec(features, dim, pencils, index=i, **options) for i in indices)
    return Layer(specs, categories, context, learned)


def _check_names(options: Collection[str]) -> None:
    """Raise TypeError for an option that no layer has."""
    for name in options:
        if name not in _OPTIONS:
            known = [*inspect.signature(layer).parameters, *_OPTIONS, "gain", "nonfinite", "dtype"]
            known = ", ".join(each for each in known if each != "options")
            near = difflib.get_close_matches(name, known.split(", "), 1)
            advice = f"Did you mean {near[0]!r}?" if near else "Leave it out."
            raise TypeError(f"A layer has no option {name!r}. Expected some of {known}. {advice}")


def layer_options(gain: float = 1.0, nonfinite: str = "raise") -> tuple[float, str]:
    """Return what a framework's layer is made with, beside its description.

    Where a layer is made, not where it is first used: that may be far away, or compiled.

    Raises
    ------
    InvalidSpec
        If `gain` is not a positive finite number.
    InvalidInput
        If `nonfinite` is neither "raise" nor "propagate".
    """
    if not is_real(gain) or not 0.0 < gain < math.inf:
        raise InvalidSpec(f"gain is {gain!r}; expected a positive finite number. Write gain=0.5.")
    return gain, "raise" if raising(nonfinite) else "propagate"
