"""Floating point operations of the operators, for `torch.utils.flop_counter.FlopCounterMode`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, register_flop_formula

from eigcore.plugin import rule_from_key

aten = torch.ops.aten


def solves(matrices: int, d: int, vectors: bool) -> int:
    """Return the operations of eigensolves of order d.

    For each matrix 9 d³ with vectors and 4 d³ / 3 without, as LAPACK needs for all pairs (Golub and
    Van Loan 2013, section 8.3.5), whichever routine runs.
    """
    each = 9 * d**3 if vectors else 4 * d**3 // 3
    return matrices * each


def _of_rule(rule: Any, p_shape: tuple[int, ...], vectors: bool) -> int:
    layout = rule.layout
    matrices = prod(p_shape[: len(p_shape) - len(layout.core)])
    return solves(matrices, layout.dim, vectors) if layout.bandwidth else 0


def count(operators: Mapping[str, Any]) -> None:
    """Register the formulas of the operators, by name of the method of `Rule`, and of torch's eigh.

    torch 2.13 has none for its own solver, which `kth_eigenpair` calls.
    """
    if aten._linalg_eigh not in flop_registry:
        register_flop_formula(aten._linalg_eigh)(_of_torch)
    for name, operator in operators.items():

        def formula(p_shape: Any, rule: str, *_: Any, vectors: bool = name != "value", **__: Any):
            return _of_rule(rule_from_key(rule), tuple(p_shape), vectors)

        register_flop_formula(operator._opoverload.overloadpacket)(formula)


def _of_torch(shape: Any, UPLO: str = "L", compute_v: bool = True, **_: Any) -> int:
    return solves(prod(shape[:-2]), shape[-1], compute_v)
