"""Functions of singular values by name: what their parameters are, and errors about them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from eigcore.core.functionals import Functional
from eigcore.core.maps import FUNCTIONS, Function, Pair
from eigcore.core.norms import NORMS, PairNorm
from eigcore.core.scalars import is_real, is_whole
from eigcore.errors import InvalidInput

_POSITIVE = {"c", "noise"}
_TAKES = {"ky_fan": "k", "schatten": "p"}
"""The parameter of a functional; the others take none."""


def function_of(
    f: Any, parameters: dict[str, Any], shape: tuple[int, int], symmetric: bool
) -> Function:
    """Return the function of singular values, or of eigenvalues if symmetric."""
    if not isinstance(f, str):
        _refuse(parameters, "The pair of functions", ())
        return Pair((*_pair(f, "f"), not symmetric))
    known = [n for n, k in FUNCTIONS.items() if (n != "shrink" if symmetric else k.odd)]
    if f not in known:
        raise InvalidInput(
            f"f is {f!r}; expected one of {', '.join(known)}, or a pair (f, f′) of functions."
        )
    if f == "shrink":
        parameters = {**parameters, "rows": shape[0], "columns": shape[1]}
    if f == "truncate":
        return _truncate(parameters, min(shape))
    takes = FUNCTIONS[f].takes
    _refuse(parameters, f'"{f}"', takes)
    optional = {"pinv": {"rtol": None}}.get(f, {})
    values = {**optional, **parameters}
    return FUNCTIONS[f](tuple(_number(f, name, values) for name in takes))


def functional_of(phi: Any, parameters: dict[str, Any], n: int) -> Functional:
    """Return the functional of n singular values."""
    if not isinstance(phi, str):
        _refuse(parameters, "The pair of functions", ())
        return PairNorm(n, _pair(phi, "phi"))
    if phi not in NORMS:
        raise InvalidInput(
            f"phi is {phi!r}; expected one of {', '.join(NORMS)}, or a pair of functions."
        )
    takes = (_TAKES[phi],) if phi in _TAKES else ()
    _refuse(parameters, f'"{phi}"', takes)
    if phi == "spectral":
        return NORMS[phi](n, n - 1)
    if phi == "ky_fan":
        return NORMS[phi](n, _count("k", parameters.get("k"), 1, n))
    if phi == "schatten":
        p = _number(phi, "p", parameters)
        if not 0 < p < math.inf:
            raise InvalidInput(f'p is {p}; expected p > 0. Write "spectral" for p = ∞.')
        return NORMS[phi](n, p)
    return NORMS[phi](n, None)


def _truncate(parameters: dict[str, Any], n: int) -> Function:
    _refuse(parameters, '"truncate"', ("rank", "energy"))
    rank, energy = parameters.get("rank"), parameters.get("energy")
    if (rank is None) == (energy is None):
        raise InvalidInput('"truncate" expects either rank or energy. Write rank=10 or energy=0.9.')
    if rank is not None:
        return FUNCTIONS["truncate"]((_count("rank", rank, 0, n), None))
    share = _number("truncate", "energy", parameters)
    if not 0 < share <= 1:
        raise InvalidInput(f"energy is {share}; expected 0 < energy <= 1. Write energy=0.9.")
    return FUNCTIONS["truncate"]((None, share))


def _refuse(parameters: dict[str, Any], what: str, takes: tuple[str, ...]) -> None:
    if strange := sorted(set(parameters) - set(takes)):
        own = ", ".join(takes) if takes else "no parameter"
        raise InvalidInput(f"{what} takes {own}; got {strange[0]}. Leave it out.")


def _number(f: str, name: str, parameters: dict[str, Any]) -> Any:
    value = parameters.get(name, _number)
    if value is None and name == "rtol":
        return None
    least = 0.0 if name in ("tau", "rtol", *_POSITIVE) else -math.inf
    if (
        not is_real(value)
        or not math.isfinite(value)
        or value < least
        or (name in _POSITIVE and value == 0)
    ):
        got = "none" if value is _number else repr(value)
        if hasattr(value, "dtype") and not is_real(value):
            got = f"an array, and compiled code holds {name} as a constant"
        kind = "positive " if name in _POSITIVE else "" if least < 0 else "non-negative "
        raise InvalidInput(
            f'"{f}" takes a {kind}finite number {name}; got {got}. Write {name}=1.0.'
        )
    return float(value)


def _count(name: str, value: Any, least: int, most: int) -> int:
    if not is_whole(value) or not least <= value <= most:
        raise InvalidInput(
            f"{name} is {value!r}; expected an integer, {least} <= {name} <= {most} = min(m, n)."
        )
    return int(value)


def _pair(pair: Any, what: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(callable, pair)):
        raise InvalidInput(
            f"{what} is {pair!r:.80}; expected a name, or a pair of functions: itself and its "
            "derivative. Write (lambda s: s**2, lambda s: 2 * s)."
        )
    return pair
