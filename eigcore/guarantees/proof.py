"""Proofs that a program without eigcore checks in exact arithmetic (math.md, section 9).

A proof is a JSON document: claims about one model file, each with the numbers that make it easy to
check. `eigcore.guarantees.checker` is the program, and decides here too what is claimed.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from eigcore.core.canonical import matrices
from eigcore.encoding import Categories
from eigcore.errors import InvalidInput
from eigcore.guarantees import box_checker, checker
from eigcore.guarantees.box_proof import box_claims, up
from eigcore.guarantees.slopes import PAIRS, MemberSlopes, member_slopes, norms, projections_of
from eigcore.portable.description import Described
from eigcore.writing import write_whole

Claim = dict[str, Any]
SHAPES = ("increasing", "decreasing", "convex", "concave")


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
            "format": "eigcore-proof/1",
            "model_sha256": hashlib.sha256(self.model).hexdigest(),
            "claims": self.claims,
        }
        return json.dumps(record, separators=(",", ":"), default=str)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the proof; the file is whole or absent.

        Raises
        ------
        InvalidInput, OSError
            If the path cannot be written.
        """
        write_whole(path, self.to_json().encode())

    def sentences(self) -> list[str]:
        """Check every claim in exact arithmetic, and return them as sentences.

        Raises
        ------
        InvalidInput
            If a claim is not proven; the message names it.
        """
        said: list[str] = []
        try:
            document = self.to_json().encode()
            checker.check(self.model, document, said.append, box_checker.CLAIMS)
        except checker.Rejected as exc:
            raise InvalidInput(f"The proof is not valid: {exc}") from exc
        return said


def prove(model: Described, data: bytes, boxes: tuple[Any, Any] | None = None) -> Proof:
    """Return every claim about a model that can be proven.

    Parameters
    ----------
    model : SpectralModel
    data : bytes
        Its model file.
    boxes : (rows, half-widths), optional
        Adds a claim for each row and output: between which numbers the decision lies while every
        numeric column stays within its half-width. See `Encoding.table` for rows, and the `radius`
        of `eigcore.guarantees.certificate.certify` for half-widths.

    Raises
    ------
    InvalidInput
        If rows or half-widths are wrong, or a functional is not linear in the eigenvalues.
    """
    exact = checker.Model.read(data)
    found = list(_claims(model, exact))
    if boxes is not None:
        if not isinstance(boxes, (tuple, list)) or len(boxes) != 2:
            raise InvalidInput(
                "boxes is no pair. Expected rows and half-widths. Write boxes=(rows, 0.1)."
            )
        found += box_claims(model, exact, *boxes)
    return Proof(data, tuple(found))


def _claims(model: Described, exact: Any) -> Iterator[Claim]:
    members = member_slopes(model)
    for j, (name, column) in enumerate(
        zip(model.encoding.names, model.encoding.columns, strict=True)
    ):
        if isinstance(column, Categories):
            if len(column.levels) <= PAIRS:
                yield _change(
                    "levels", exact, name, [(1.0, [_levels(m, model, j) for m in members])]
                )
            continue
        claims = ({"kind": kind, "column": name} for kind in SHAPES)
        yield from (claim for claim in claims if _holds(exact, claim))
        parts = [(j, 1.0), *projections_of(model.encoding, j)]
        norms = [(w, [_pieces(m, p) for m in members]) for p, w in parts]
        yield _change("slope", exact, name, norms)
    claims = ({"kind": f"jointly {shape}"} for shape in SHAPES[2:])
    yield from (claim for claim in claims if _holds(exact, claim))


def _holds(exact: Any, claim: Claim) -> bool:
    check, _, *options = checker.CLAIMS[claim["kind"]]
    try:
        check(exact, claim, *options)
    except checker.Rejected:
        return False
    return True


def _pieces(m: MemberSlopes, p: int) -> np.ndarray:
    """Return upper bounds of ‖S_b‖₂: (outputs, pieces)."""
    return norms(m.slopes[p]).T + m.rounding[p]


def _levels(m: MemberSlopes, model: Described, j: int) -> np.ndarray:
    """Return upper bounds of ‖A_a − A_b‖₂, b < a: (outputs, pairs); the last level is zero."""
    terms = model.encoding.slices[j]
    levels = matrices(m.spec, m.packed[1:][terms])
    levels = np.concatenate([levels, np.zeros_like(levels[:1])])
    a, b = np.tril_indices(len(levels), -1)
    return norms(levels[a] - levels[b]).T + m.unit


def _change(
    kind: str, exact: Any, name: str, groups: Sequence[tuple[float, list[np.ndarray]]]
) -> Claim:
    """Return the claim of a largest change: (weight, bounds of each member) for each part."""
    witnesses = [[[list(map(up, o)) for o in own] for own in bounds] for _, bounds in groups]
    shares = [m.share * m.lipschitz for m in exact.members]
    total = Fraction(0)
    for (weight, _), found in zip(groups, witnesses, strict=True):
        flat = [[Fraction(str(norm)) for o in own for norm in o] for own in found]
        sums = [sum(map(operator.mul, shares, at)) for at in zip(*flat, strict=True)]
        total += abs(Fraction(weight)) * max(sums)
    return {"kind": kind, "column": name, "bound": up(total), "norms": witnesses}
