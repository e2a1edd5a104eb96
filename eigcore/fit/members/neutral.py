"""What cells unlike those of the fitted rows mean: a level never seen, a first missing cell.

A level never seen acts like zero matrices. So that it is neutral, the matrices of the levels of a
column are shifted to average zero, and A_0 by their average: the function stays the same. A missing
cell in a column that had none gets the average of the column's matrices over the fitted rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from eigcore.core.spec import EigSpec
from eigcore.encoding import Categories, Encoding
from eigcore.fit.combinations import tails_of
from eigcore.fit.options import FitOptions
from eigcore.model import SpectralModel


def centred(encoding: Encoding, params: np.ndarray) -> np.ndarray:
    """Return parameters (outputs, terms + 1, K) of the same function; levels average to zero."""
    params = np.array(params)
    for column, terms in zip(encoding.parts, encoding.slices, strict=True):
        if isinstance(column, Categories):
            own = params[:, 1 + terms.start : 1 + terms.stop]
            mean = own[:, : len(column.levels)].mean(1, keepdims=True)
            own -= mean
            params[:, :1] += mean
    return params


def with_meaning(model: SpectralModel, mean: np.ndarray, options: FitOptions) -> SpectralModel:
    """Return the model with the meanings that the options of a fit ask for.

    Parameters
    ----------
    model : SpectralModel
    mean : (terms,) float64
        Average of each term over the fitted rows.
    options : FitOptions
        on_unseen, on_missing and tails are used.
    """
    params = [centred(model.encoding, p) for p in model.params]
    whole = [column.missing for column in model.encoding.columns]
    names = [n for n, some in zip(model.encoding.names, whole, strict=True) if not some]
    names = names if options.on_missing == "neutral" else []
    encoding = _encoding(model.encoding, names, options.on_unseen)
    if names:
        params = [_averaged(model.encoding, encoding, p, mean) for p in params]
    encoding = _refusing(encoding, options)
    kept = _kept(model.encoding, encoding)
    specs = [_longer(spec, kept) for spec in model.static.specs]
    static = replace(model.static, encoding=encoding, specs=tuple(specs))
    told = model.provenance | ({"neutral": names} if names else {})
    return SpectralModel.from_static(static, params, told)


def _refusing(encoding: Encoding, options: FitOptions) -> Encoding:
    """Return an encoding that refuses numbers outside the range where the options say so."""
    parts = list(encoding.parts)
    for j, (name, column) in enumerate(zip(encoding.names, encoding.columns, strict=True)):
        if tails_of(options, name) == "refuse" and column.range is not None:
            parts[j] = replace(cast(Any, column), outside="refuse")
    return encoding.replaced(tuple(parts))


def averaged_again(
    model: SpectralModel, mean: np.ndarray, whole: Collection[str]
) -> list[np.ndarray]:
    """Return the parameters, with the average where a missing cell is still without example.

    Parameters
    ----------
    model : SpectralModel
    mean : (terms,) float64
        Average of each term over the rows of a resumed fit.
    whole : names of columns without missing cells in these rows
    """
    names = set(model.provenance.get("neutral", ())) & set(whole)
    before = _encoding(model.encoding, (), "", drop=names)
    kept = _kept(before, model.encoding)
    shorter = [np.delete(p, 1 + np.flatnonzero(~kept), axis=1) for p in model.params]
    return [_averaged(before, model.encoding, p, mean[kept]) for p in shorter]


def _encoding(
    encoding: Encoding, names: Sequence[str], unseen: str, drop: Collection[str] = ()
) -> Encoding:
    """Return an encoding with terms for missing cells in more columns, or in fewer."""
    columns = dict(zip(encoding.names, encoding.columns, strict=True))
    for name, column in columns.items():
        missing = (column.missing or name in names) and name not in drop
        changed: dict[str, Any] = {"missing": missing}
        if isinstance(column, Categories) and unseen:
            changed["unseen"] = unseen
        columns[name] = replace(cast(Any, column), **changed)
    projections = []
    for each in encoding.projections:
        missing = any(columns[name].missing for name in each.names)
        projections.append(replace(each, column=replace(cast(Any, each.column), missing=missing)))
    return Encoding(tuple(columns.values()), encoding.names, encoding.units, tuple(projections))


def _longer(spec: EigSpec, kept: np.ndarray) -> EigSpec:
    """Return a spec with free matrices for the terms that are new: not `kept` (terms,)."""
    signs = np.zeros(len(kept), dtype=int)
    if spec.monotone:
        signs[kept] = spec.monotone
    monotone = tuple(signs.tolist()) if spec.monotone else ()
    return replace(spec, features=len(kept), monotone=monotone)


def _kept(before: Encoding, after: Encoding) -> np.ndarray:
    """Which terms of `after` are terms of `before`: (terms,) bool."""
    pairs = zip(before.parts, after.parts, strict=True)
    found = [np.arange(new.terms) < old.terms for old, new in pairs]
    return np.concatenate([np.zeros(0, dtype=bool), *found])


def _averaged(
    before: Encoding, after: Encoding, params: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """Insert Σ_b mean_b A_b as the matrix of each term for missing cells that is new."""
    rows = [params[:, :1]]
    pairs = zip(before.slices, before.parts, after.parts, strict=True)
    for terms, old, new in pairs:
        own = params[:, 1 + terms.start : 1 + terms.stop]
        rows.append(own)
        if new.terms > old.terms:
            # row by row, so that a sum of multiples of I is one, to the last bit
            rows.append((mean[terms][:, None] * own).sum(1, keepdims=True))
    return np.concatenate(rows, axis=1)
