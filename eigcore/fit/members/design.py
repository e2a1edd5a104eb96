"""The terms of one member on the rows of a problem, and the way back to the shared encoding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Categories, Column, Encoding, Linear, PiecewiseLinear
from eigcore.encoding.rows import Rows
from eigcore.fit.constraints import Constraints
from eigcore.fit.data.covariance import BlockDiagonal
from eigcore.fit.data.encode import coarsen, refinement
from eigcore.fit.data.moments import Moments
from eigcore.fit.members.parametrisation import Parametrisation
from eigcore.fit.members.shapes import ColumnMap, column_map, free_map, level_map, with_missing
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.objective import Objective
from eigcore.fit.solvers.whitening import POWER

Member = tuple[EigSpec, np.ndarray]
"""Spec and parameters (outputs, terms + 1, K) in the shared encoding."""
_SINGLE = 64
"""Rows from which on a kernel takes half as long in float32; rounding is far below their noise."""
LEAST_DEVIATION = 0.05
"""Least standard deviation of a term: it shrinks rare levels more."""


def _map(column: Column, name: str, constraints: Constraints) -> ColumnMap:
    """Return the map of a column or projection with all its constraints."""
    told = constraints.sign(name), constraints.bend(name)
    extra, place = int(column.missing), dict(constraints.missing).get(name)
    if isinstance(column, Linear):
        found = column_map([column.scale], False, extra, *told)
    elif isinstance(column, PiecewiseLinear):
        tails = column.tails == "linear"
        found = column_map(np.diff(column.knots), tails, extra, *told)
    elif isinstance(column, Categories) and told[0]:
        found = level_map(len(column.levels), extra, told[0])
    else:
        found = free_map(column.terms)
    if extra and place is not None:
        first, last = _terms(column, column.range or (0.0, 0.0))
        ends = (first, last) if told[0] > 0 else (last, first)
        inner = place if isinstance(place, str) else _terms(column, (place,))[0]
        found = with_missing(found, ends, inner)
    return replace(found, additive=name in constraints.additive)


def _terms(column: Column, cells: tuple[float, ...]) -> np.ndarray:
    """Return the terms (cells, terms − 1) of known values of a column, without the missing one."""
    if column.range is None:  # constant: as in a row with the center
        return np.zeros((len(cells), column.terms - 1))
    table = np.array(cells)[:, None]
    return Encoding((column,), ("t",))(table, get_backend("numpy"))[:, :-1]


class Design:
    """Scaled terms of one member.

    Parameters
    ----------
    problem : rows to fit, in the shared encoding
    pieces : largest number of pieces per column in this member
    keep : keep blocks that do not vary on these rows; otherwise their matrices are zero

    Attributes
    ----------
    coarse : Encoding of this member
    refinement : BlockDiagonal (shared terms, terms), see `eigcore.fit.data.encode.refinement`
    moments : Moments of the terms
    deviation : (terms,) standard deviations of the terms, at least LEAST_DEVIATION
    signal : (blocks,) standard deviations of what each block adds to the pencil
    additive : ridge -> coefficients of additive models, see `eigcore.fit.members.guess`
    of_blocks : moments of what one unit of each block adds to the pencil, once they are needed
    """

    def __init__(self, problem: Problem, pieces: int, keep: bool = False):
        shared, limits = problem.encoding, problem.constraints
        silent = limits.carried.union(limits.without)
        self.problem, self.additive = problem, {}
        self.of_blocks: Moments | None = None
        self._usual: Parametrisation | None = None  # of some order: all have the same whitening
        self.coarse = shared.replaced(tuple(coarsen(part, pieces) for part in shared.parts))
        pairs = zip(shared.parts, self.coarse.parts, strict=True)
        self.refinement = BlockDiagonal([refinement(*pair) for pair in pairs])
        # A wide piece is a sum of narrow ones, so its moments follow from theirs.
        self.moments = problem.moments.of_sums(self.refinement)
        variance = self.moments.covariance.diagonal
        self.deviation = np.maximum(np.sqrt(np.maximum(variance, 0.0)), LEAST_DEVIATION)
        self.maps = self._maps(self.coarse)
        columns = zip(self.maps, self.coarse.labels, strict=True)
        self.signal = np.concatenate(
            [
                _signal(self.moments.covariance.within(j), column.to_terms, keep)
                * (name not in silent)
                for j, (column, name) in enumerate(columns)
            ]
        )

    def _maps(self, encoding: Encoding) -> list[ColumnMap]:
        constraints = self.problem.constraints
        pairs = zip(encoding.labels, encoding.parts, strict=True)
        return [_map(column, name, constraints) for name, column in pairs]

    def jumps(self, smooth: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors (terms − 1,) of the left and right matrix in the penalty on jumps.

        In columns named as smooth these are jumps of slopes: with t in units of the column's range,
        smooth · Σ_b ‖S_{b+1} − S_b‖²/Δt_b approaches smooth · ∫ ‖A''‖² dt (Eilers & Marx 1996). If
        none is named, they are jumps of rises in all columns: smooth · pieces².
        """
        left, right = np.zeros((2, self.coarse.terms))
        asked = self.problem.constraints.smooth
        for j, (name, column) in enumerate(zip(self.coarse.labels, self.coarse.parts, strict=True)):
            if not isinstance(column, PiecewiseLinear) or (asked and name not in asked):
                continue
            first, widths = self.coarse.slices[j].start, self.maps[j].widths
            widths = widths[widths > 0]
            rates, apart = np.full(len(widths), len(column.knots) - 1.0), 1.0
            if asked:
                widths = widths / (column.knots[-1] - column.knots[0])
                rates = 1.0 / (widths * self.deviation[first : first + len(widths)])
                apart = (widths[1:] + widths[:-1]) / 2.0
            factor, place = np.sqrt(smooth / apart), slice(first, first + len(widths) - 1)
            left[place], right[place] = factor * rates[:-1], factor * rates[1:]
        return left[:-1], right[:-1]

    def spec(self, dim: int) -> EigSpec:
        """Spec of this member while it is fitted."""
        return self.problem.constraints.spec(self.coarse.terms, dim)

    def parametrisation(
        self,
        dim: int,
        power: float = POWER,
        plain: bool = False,
        weights: tuple[float, ...] | None = None,
    ) -> Parametrisation:
        """Build the solver's coordinates for matrices of order ``dim``.

        weights : those that learned weights start from; None: the usual ones
        """
        spec = self.spec(dim)
        if self.problem.constraints.learned is not None and not plain and weights is not None:
            spec = replace(spec, weights=weights)
        if power == POWER and not plain:
            self._usual = self._usual or self._coordinates(spec)
            return self._usual.with_spec(spec)
        return self._coordinates(spec, power, plain)

    def _coordinates(
        self, spec: EigSpec, power: float = POWER, plain: bool = False
    ) -> Parametrisation:
        learned = None if plain else self.problem.constraints.learned
        scales = self.deviation, self.signal, self.moments
        return Parametrisation(spec, self.maps, *scales, power, plain, learned)

    def rows(self, problem: Problem, dim: int) -> Rows:
        """Encode the rows of a problem for its backend and matrices of some order.

        They are in float32 where many numbers make it pay, or a kernel and some dozen rows.
        """
        context = problem.context
        kernel = self.problem.fast and dim > 1 and self.problem.rows > _SINGLE
        dtype = context.dtype(np.inf if kernel else self.problem.rows * self.coarse.terms)
        return Rows(self.coarse, problem.numbers, context.backend, dtype)

    def objective(
        self,
        coordinates: Parametrisation,
        penalty: float,
        *,
        on: Problem | None = None,
        rows: Rows | None = None,
        smooth: float = 0.0,
        anchor: np.ndarray | None = None,
        hold: float = 0.0,
    ) -> Objective:
        """Build the objective of a descent.

        Parameters
        ----------
        coordinates : of this design
        penalty, smooth : see `eigcore.fit.members.member.Settings`
        on : rows to use; None: those of the design
        rows : the same rows, if they are encoded already
        anchor, hold : see `eigcore.fit.solvers.objective.Objective`
        """
        problem = on or self.problem
        return Objective(
            rows or self.rows(problem, coordinates.spec.dim),
            problem.target.targets,
            loss=problem.loss,
            penalty=penalty,
            parametrisation=coordinates,
            anchor=anchor,
            hold=hold,
            smooth=self.jumps(smooth) if smooth else None,
        )

    def member(self, coordinates: Parametrisation, vector: np.ndarray) -> Member:
        """Spec and parameters in the shared encoding, with every constraint exact.

        vector : (outputs · size,), the pencils' vectors joined
        """
        maps = self._maps(self.problem.encoding)
        parts = vector.reshape(-1, coordinates.size)
        pencils = [self._pencil(coordinates, part, maps) for part in parts]
        signs = tuple(int(sign) for limits in maps for sign in limits.signs())
        spec = replace(
            coordinates.spec_at(parts[0]),
            features=self.problem.encoding.terms,
            outputs=len(pencils),
            monotone=signs if any(signs) else (),
        )
        return spec, np.stack(pencils)

    def _pencil(
        self, coordinates: Parametrisation, vector: np.ndarray, maps: list[ColumnMap]
    ) -> np.ndarray:
        """Parameters (terms + 1, K) of one pencil in the shared encoding."""
        spec, shared = coordinates.spec, self.problem.encoding
        params = coordinates.fold(coordinates.matrices(vector))[0]
        terms = self.refinement @ params[1:]
        diagonal = (spec.rows == spec.cols).astype(np.float64)
        for where, limits in zip(shared.slices, maps, strict=True):
            terms[where] += limits.margin(terms[where], spec.dim)[:, None] * diagonal
            if limits.additive:  # the sums of one diagonal entry may be rounded unlike another's
                terms[where] = terms[where][:, :1] * diagonal
        return np.concatenate([params[:1], terms])

    def vector(self, coordinates: Parametrisation, params: np.ndarray) -> np.ndarray:
        """Inverse of `member`: parameters (outputs, terms + 1, K) -> (outputs · size,)."""
        pencils = [
            np.concatenate([pencil[:1], self.refinement.solve(pencil[1:])]) for pencil in params
        ]
        return np.concatenate([coordinates.coordinates(pencil[None]) for pencil in pencils])


def _signal(covariance: np.ndarray, to_terms: np.ndarray, keep: bool) -> np.ndarray:
    """Standard deviation (blocks,) of what each block adds to the pencil on the training rows.

    Nearly constant blocks get 0, or with ``keep`` the least deviation.
    """
    variance = (to_terms * (covariance @ to_terms)).sum(0)
    signal = np.sqrt(np.maximum(variance, 0.0))
    largest = np.abs(to_terms).max(0)
    least = LEAST_DEVIATION * largest
    return np.where((signal > 1e-7 * largest) | keep, np.maximum(signal, least), 0.0)
