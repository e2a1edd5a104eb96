"""Rules as text, and back: compilers and operators take no Python objects."""

from __future__ import annotations

import json
from functools import lru_cache

from eigcore.core import functionals
from eigcore.core.maps import FUNCTIONS, Pair
from eigcore.core.nonsymmetric import EigenRule
from eigcore.core.norms import NORMS, PairNorm
from eigcore.core.packing import Layout, Whole
from eigcore.core.rules import Rule
from eigcore.core.singular import PAIRS, MapRule
from eigcore.core.spectrum import Several, spectrum, spectrum_of
from eigcore.core.values import ValueRule

_NORMS = {kind.name: kind for kind in NORMS.values()}


@lru_cache(maxsize=1024)
def rule_from_key(key: str) -> Rule | MapRule | ValueRule | EigenRule:
    """Return the rule whose `key` this is."""
    kind, *rest = json.loads(key)
    if kind == "eigen":
        return EigenRule(Whole(rest[0], rest[0]))
    if kind == "map":
        rows, columns, symmetric, name, numbers = rest
        f = Pair(PAIRS[numbers[0]]) if name == "pair" else FUNCTIONS[name](tuple(numbers))
        return MapRule(Whole(rows, columns, bool(symmetric)), f)
    if kind == "value":
        rows, columns, name, number = rest
        n = min(rows, columns)
        phi = PairNorm(n, PAIRS[number]) if name == "pair" else _NORMS[name](n, number)
        return ValueRule(Whole(rows, columns), phi)
    bandwidth, layout, name, parameter = rest
    if name == Several.name:
        if layout == "square":
            return spectrum(kind, *parameter)
        return spectrum_of(Layout(kind, bandwidth, layout), *parameter)
    return Rule(Layout(kind, bandwidth, layout), functionals.from_key(name, kind, parameter))
