"""Proofs that a program without eigcore checks (math.md, section 9; docs/proofs.md).

A proof is a JSON document: claims about one model file, each with the numbers that make it easy to
check. `eigcore.guarantees.checker` is the program, and decides here too what is claimed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eigcore.encoding import Categories
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.guarantees import checker, witnesses
from eigcore.guarantees.asked import (
    Radius,
    around,
    check_complete,
    ends_of,
    local_table,
    named_row,
    radii_of,
)
from eigcore.guarantees.bands import Dominance, dominance, dominances
from eigcore.guarantees.slopes import PAIRS
from eigcore.guarantees.telling import Teller, Verbose
from eigcore.portable.description import Described
from eigcore.writing import write_whole

Claim = dict[str, Any]
_HALVINGS, _BELOW = 20, 0.999
"""Steps to the largest factor that is proven, and the part of it that is proposed."""


@dataclass(frozen=True)
class Proof:
    """Claims about a model file, with their witnesses.

    Parameters
    ----------
    model : bytes
        The model file.
    claims : tuple of dict
        docs/proofs.md describes each kind.
    """

    model: bytes
    claims: tuple[Claim, ...]

    def __repr__(self) -> str:
        return f"<Proof of {len(self.claims)} claims: sentences() checks and tells, save() writes>"

    def to_json(self) -> str:
        """Return the document that `eigcore verify` reads."""
        record = {
            "format": checker.FORMAT,
            "model_sha256": hashlib.sha256(self.model).hexdigest(),
            "claims": self.claims,
        }
        return json.dumps(record, separators=(",", ":"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the proof; the file is whole or absent.

        Raises
        ------
        InvalidInput, OSError
            If the path cannot be written.
        """
        write_whole(path, self.to_json().encode())

    def sentences(self) -> list[str]:
        """Check every claim, and return them as sentences; none for a model without claims.

        Raises
        ------
        InvalidInput
            If a claim is not proven; the message names it.
        """
        if not self.claims:
            return []
        try:
            return checker.check(self.model, self.to_json().encode())
        except checker.Rejected as exc:
            raise InvalidInput(f"The proof is not valid: {exc}") from exc


def prove(
    model: Described,
    data: bytes,
    *,
    x: Any = None,
    radius: Radius | None = None,
    lower: Any = None,
    upper: Any = None,
    dominates: Mapping[str, Any] | None = None,
    verbose: Verbose = False,
) -> Proof:
    """Return every claim about a model that can be proven.

    Parameters
    ----------
    model : SpectralModel
    data : bytes
        Its model file.
    x, radius, lower, upper : optional
        As for `eigcore.guarantees.certificate.certify`. Each row and output adds a claim: between
        which numbers the decision lies inside the box around the row.
    dominates : mapping of column -> column or {column: factor}, optional
        Pairs to claim a dominance for: a unit of the first counts for at least `factor` (1) of the
        second. Those that a fit with `dominates` made so are claimed anyway.
    verbose : bool or function
        True: lines about the progress on standard error; a function gets each of them.

    Raises
    ------
    InvalidInput
        As for `certify`, if a number of the model or a level cannot be named in a proof, or if a
        dominance is not proven.
    """
    check_complete(x, radius, lower, upper, "prove")
    radii, found = radii_of(model.encoding, radius), []
    try:
        exact = checker.Model(data)
        parts = [_claims(model, exact), _dominances(model, exact, dominates or {})]
        if x is not None:
            parts.append(_boxes(model, exact, x, radii, (lower, upper)))
        tell = Teller(verbose)
        for claim in itertools.chain(*parts):
            found.append(claim)
            tell(f"{len(found)} claims proven, for {len(model.encoding.names)} columns")
    except (checker.Rejected, OverflowError) as exc:
        raise InvalidInput(
            f"The model has no proof: {exc}. Expected numbers whose sums are float64, and levels "
            "of different text. Scale the target, or rename the levels, and fit again."
        ) from exc
    return Proof(data, tuple(found))


def _claims(model: Described, exact: checker.Model) -> Iterator[Claim]:
    numbers = []
    for name, column in zip(model.encoding.names, model.encoding.columns, strict=True):
        values: list[Any] = []
        if not isinstance(column, Categories):
            numbers.append(name)
            slope = _change(exact, "slope", name)
            yield slope
            if max(slope["lower"], -slope["upper"]) >= 0:
                values = list(column.range or ())
        elif len(column.levels) <= PAIRS:
            yield _change(exact, "levels", name)
            values = [str(level) for level in column.levels] if column.ordered else []
        yield from _orders(exact, name, values, column.missing)
    groups = [[name] for name in numbers]
    groups += [numbers] if len(numbers) > 1 else []
    for shape in checker.SHAPES:
        claims = ({"kind": shape, "columns": group} for group in groups)
        yield from (claim for claim in claims if _holds(exact, claim))


def _orders(exact: checker.Model, name: str, values: list[Any], missing: bool) -> list[Claim]:
    """Return how the values of a column, one way round, and a missing cell are ordered."""
    levels = bool(values) and isinstance(values[0], str)
    for rising in (values, values[::-1]) if len(values) > 1 else ():
        own = [rising] if levels else []
        between = [rising[0], None, rising[-1]]
        chains = [[[None, *rising]], [[*rising, None]], [between, *own]] if missing else []
        for group in [*chains, own]:
            claims = [{"kind": "order", "column": name, "values": each} for each in group]
            if claims and all(_holds(exact, claim) for claim in claims):
                return claims
    return []


def _holds(exact: checker.Model, claim: Claim) -> bool:
    check, _, *options = checker.CLAIMS[claim["kind"]]
    try:
        check(exact, claim, *options)
    except ValueError:
        return False
    return True


def _dominances(
    model: Described, exact: checker.Model, asked: Mapping[str, Any]
) -> Iterator[Claim]:
    """Return the claims of pairs that are asked for, and of those that the sums of a fit show."""
    wanted = [dominance(model, *pair) for pair in _pairs(asked)]
    for each in [*wanted, *(pair for pair in dominances(model) if pair not in wanted)]:
        a, b, factor = each.column, each.over, each.factor
        try:
            yield _change(exact, "dominance", a, over=b, factor=factor)
        except checker.Rejected as exc:
            if each in wanted:
                raise _unproven(model, dict(asked), each) from exc


def _unproven(model: Described, asked: dict[str, Any], pair: Dominance) -> InvalidOption:
    """Return the error for a dominance that is not proven, with the largest factor that is."""
    a, b, low, high = pair.column, pair.over, 0.0, pair.factor
    if dominance(model, a, b, low).proven:
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            proven = dominance(model, a, b, middle).proven
            low, high = (middle, high) if proven else (low, middle)
    least = float(f"{_BELOW * low:.2g}")
    expected = (
        f"no slope in {a!r} below {pair.factor:g} times one in {b!r}, beyond the last knots too, "
        "as a fit with the same option makes them"
        + f", or a smaller factor: {least:g} is proven"
        * (least > 0.0)
    )
    problem = (
        f"asks for a unit of {a!r} to count for at least {pair.factor:g} of {b!r}, which is not "
        "proven"
    )
    example = {a: {b: least}} if least > 0.0 else None
    return InvalidOption("dominates", asked, expected, example, problem)


def _pairs(asked: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    try:
        named = {a: {b: 1.0} if isinstance(b, str) else b for a, b in asked.items()}
        return [(a, b, factor) for a, each in named.items() for b, factor in each.items()]
    except AttributeError as exc:
        expected = "a mapping of columns to {column: factor}"
        raise InvalidOption("dominates", asked, expected, {"income": {"wealth": 0.5}}) from exc


def _change(exact: checker.Model, kind: str, name: str, **pair: Any) -> Claim:
    claim: Claim = {"kind": kind, "column": name, **pair, "additive": True, "witness": []}
    check, _, *options = checker.CLAIMS[kind]
    if not _holds(exact, claim):
        del claim["additive"]
        claim["witness"] = witnesses.changes(exact, name, pair.get("over", name))
    return claim | witnesses.outward(*check(exact, claim, *options))


def _boxes(
    model: Described,
    exact: checker.Model,
    x: Any,
    radii: np.ndarray | None,
    ends: tuple[Any, Any],
) -> Iterator[Claim]:
    table = local_table(model, x)
    low, high = ends_of(model, table, *ends) if radii is None else around(table, radii)
    for row, below, above in zip(table.tolist(), low.tolist(), high.tolist(), strict=True):
        cells = named_row(model, row)
        for name, column, a, b in zip(cells, model.encoding.columns, below, above, strict=True):
            if isinstance(column, Categories):
                cells[name] = None if cells[name] is None else str(cells[name])
            elif a < b:
                cells[name] = [a, b]
        for output in range(exact.outputs):
            claim: Claim = {"kind": "box", "box": cells, "output": output}
            claim["witness"] = witnesses.box(exact, cells, output)
            yield claim | witnesses.outward(*exact.box(claim))
