"""Monotone and convex columns: from free and positive semidefinite blocks to a pencil's matrices.

For one column let S_i be the slopes of its pieces. All shapes are one linear map from blocks to
slopes, S = L·(blocks), with some blocks positive semidefinite (Weyl; Davis 1957):

========================  =======================================  =================
column                    slopes                                   blocks
========================  =======================================  =================
free                      S_i = P_i                                free
increasing, decreasing    S_i = ±P_i                               all PSD
convex                    S_i = P_0 + Σ_{1 ≤ m ≤ i} P_m            P_0 free, rest PSD
convex and increasing     S_i = Σ_{m ≤ i} P_m                      all PSD
convex and decreasing     S_i = −Σ_{m ≥ i} P_m                     all PSD
ordered categories        A_i = P_0 ± Σ_{1 ≤ m ≤ i} P_m            P_0 free, rest PSD
========================  =======================================  =================

Concave columns are the negatives. A PSD block is B Bᵀ, so every point the solver visits satisfies
every constraint. `ColumnMap.margin` guards against rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eigcore.fit.constraints import INSIDE

_MARGIN = 32.0


def slope_map(pieces: int, sign: int, shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Map from blocks to the slopes of a column, and which of the blocks are PSD.

    Parameters
    ----------
    pieces : number of slopes.
    sign : −1 decreasing, 0 free, +1 increasing.
    shape : −1 concave, 0 free, +1 convex.

    Returns
    -------
    (pieces, pieces) float64, (pieces,) bool
    """
    if shape == 0:
        return (sign or 1) * np.eye(pieces), np.full(pieces, sign != 0)
    ones = np.ones((pieces, pieces))
    if sign == shape:
        return shape * np.tril(ones), np.full(pieces, True)
    if sign == -shape:
        return -shape * np.triu(ones), np.full(pieces, True)
    free_first = shape * np.tril(ones)
    free_first[:, 0] = 1.0
    return free_first, np.arange(pieces) > 0


@dataclass(frozen=True)
class ColumnMap:
    """Terms of one column from its blocks: A = ``to_terms`` · blocks.

    Parameters
    ----------
    to_terms : (terms, blocks), in the units of the pencil's terms
    psd : (blocks,) bool
    widths : (terms,) length of the piece of each term, so that slope = A / width, and 1 for an
        ordered category; 0 where a term (another category, a missing cell) is neither
    lift : (terms,) what each term gains when every PSD part gains the identity
    additive : whether every block is a multiple of the identity, so that φ(A + p·I) = φ(A) + p·Σw
        makes the column a summand of its own
    place : −1 if the last block lowers the matrix of a missing cell, +1 if it raises it, else 0
    """

    to_terms: np.ndarray
    psd: np.ndarray
    widths: np.ndarray
    lift: np.ndarray
    additive: bool = False
    place: int = 0

    def signs(self) -> np.ndarray:
        """−1, 0 or +1 per term: the sign of its matrix that holds by construction."""
        sure = self.psd | (self.to_terms == 0).all(0)
        bound = (sure | (self.to_terms == 0)).all(1) & (self.to_terms != 0).any(1)
        up, down = (self.to_terms >= 0).all(1), (self.to_terms <= 0).all(1)
        return np.where(bound & up, 1, np.where(bound & down, -1, 0))

    def margin(self, terms: np.ndarray, dim: int) -> np.ndarray:
        """Diagonal shifts (terms,) after which the constraints hold in spite of rounding.

        Each PSD part (a slope, or an increment of slopes) is raised by 32·d·ε times the largest
        slope of the column: more than rounding can take away when A_b is stored, divided by the
        width and subtracted from its neighbour, and far less than any digit shown. The part between
        a missing cell and a known value is raised by as much of its own matrix, too.
        """
        if not self.psd.any():
            return np.zeros(len(terms))
        piece = self.widths > 0
        largest = float((np.linalg.norm(terms[piece], axis=1) / self.widths[piece]).max())
        shifts = largest * self.lift
        shifts[-1] += self.place * np.linalg.norm(terms[-1])
        return _MARGIN * dim * np.finfo(np.float64).eps * shifts


def column_map(
    widths: Sequence[float] | np.ndarray, tails: bool, extra: int, sign: int, shape: int
) -> ColumnMap:
    """Build the map of a piecewise-linear or linear column.

    Parameters
    ----------
    widths : (pieces,) lengths of the pieces, positive
    tails : whether the column has two tail terms, which continue its first and its last slope
    extra : number of further free terms (missing cells)
    sign, shape : as in `slope_map`.
    """
    widths = np.asarray(widths, dtype=np.float64)
    slopes, psd = slope_map(len(widths), sign, shape)
    if tails:
        slopes = np.concatenate([slopes[:1], slopes, slopes[-1:]])
        widths = np.concatenate([widths[:1], widths, widths[-1:]])
    # A certificate also compares tails with pieces: shift each further than the one before.
    apart, sure = slope_map(len(widths), sign, shape) if tails else (slopes, psd)
    pieces, blocks = slopes.shape
    to_terms = np.zeros((pieces + extra, blocks + extra))
    to_terms[:pieces, :blocks] = widths[:, None] * slopes
    to_terms[pieces:, blocks:] = np.eye(extra)
    nothing = np.zeros(extra)
    return ColumnMap(
        to_terms,
        psd=np.concatenate([psd, nothing.astype(bool)]),
        widths=np.concatenate([widths, nothing]),
        lift=np.concatenate([widths * apart[:, sure].sum(1), nothing]),
    )


def with_missing(
    limits: ColumnMap, ends: tuple[np.ndarray, np.ndarray], place: str | np.ndarray
) -> ColumnMap:
    """Put the matrix of a missing cell, the last term, beside those of known values.

    =========  =====================  ==================
    place      A_missing              last block
    =========  =====================  ==================
    "lowest"   A(first end) − P       P, PSD
    "highest"  A(last end) + P        P, PSD
    terms      Σ terms_b A_b          none
    =========  =====================  ==================

    Parameters
    ----------
    limits : map of a monotone column with bounded ends and one term for missing cells
    ends : (terms − 1,) each, the terms where predictions are lowest, and where they are highest
    place : a word, or the terms (terms − 1,) of the value that a missing cell stands for
    """
    lowest, highest = ends
    if isinstance(place, str):
        beside, side = {"lowest": (lowest, -1), "highest": (highest, 1)}[place]
    else:
        beside, side = place, 0
    to_terms, psd = limits.to_terms.copy(), limits.psd.copy()
    to_terms[-1, :-1] = beside @ to_terms[:-1, :-1]
    to_terms[-1, -1], psd[-1] = side, True
    lift = limits.lift * (1.0 if side else 1.0 / INSIDE)
    reach = np.abs(ends).max(0) @ limits.widths[:-1]
    lift[-1] = beside @ lift[:-1] + side * reach
    blocks = len(psd) - (side == 0)
    return replace(limits, to_terms=to_terms[:, :blocks], psd=psd[:blocks], lift=lift, place=side)


def level_map(levels: int, extra: int, sign: int) -> ColumnMap:
    """Build the map of ordered categories: A_i = P_0 ± Σ_{1 ≤ m ≤ i} P_m for level i.

    Parameters
    ----------
    levels : number of levels
    extra : number of further free terms (missing cells)
    sign : −1 decreasing, +1 increasing
    """
    steps, psd = slope_map(levels, 0, sign)
    terms = levels + extra
    to_terms, lift = np.eye(terms), np.zeros(terms)
    to_terms[:levels, :levels] = steps
    lift[:levels] = steps[:, 1:].sum(1)
    known = np.arange(terms) < levels
    return ColumnMap(to_terms, np.append(psd, np.zeros(extra, bool)), known.astype(float), lift)


def free_map(terms: int) -> ColumnMap:
    """Build the map of terms without constraints, such as categories."""
    return ColumnMap(np.eye(terms), np.zeros(terms, dtype=bool), np.zeros(terms), np.zeros(terms))
