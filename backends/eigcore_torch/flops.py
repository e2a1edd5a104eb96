"""Floating point operations of the operators, for `torch.utils.flop_counter.FlopCounterMode`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from torch.utils.flop_counter import register_flop_formula

from eigcore.plugin import Rule, rule_from_key


def solves(rule: Rule, p_shape: tuple[int, ...], vectors: bool) -> int:
    """Return the operations of the eigensolves of p (..., K).

    For each matrix of order d, 9 d³ with vectors and 4 d³ / 3 without, as LAPACK needs for all
    pairs (Golub and Van Loan 2013, section 8.3.5), whichever routine runs; 0 for diagonal ones.
    """
    layout = rule.layout
    matrices = prod(p_shape[: len(p_shape) - len(layout.core)])
    each = 9 * layout.dim**3 if vectors else 4 * layout.dim**3 // 3
    return matrices * each if layout.bandwidth else 0


def count(operators: Mapping[str, Any]) -> None:
    """Register the formulas of the operators, by name of the method of `Rule`."""
    for name, operator in operators.items():

        def formula(p_shape: Any, rule: str, *_: Any, vectors: bool = name != "value", **__: Any):
            return solves(rule_from_key(rule), tuple(p_shape), vectors)

        register_flop_formula(operator._opoverload.overloadpacket)(formula)
