"""The report: one page that needs no network and no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

import eigcore
from eigcore.errors import EigcoreError, InvalidInput, InvalidOption, InvalidTable
from eigcore.fit.edges import edge_notes
from eigcore.model import SpectralModel
from eigcore.report import facts, figures
from eigcore.report.balance import balance, compared
from eigcore.report.cases import cases
from eigcore.report.describe import describe
from eigcore.report.errors import FOLDS, errors
from eigcore.report.figures import COLUMNS
from eigcore.report.live import live_data
from eigcore.report.numerals import plain
from eigcore.report.private import LEAST
from eigcore.report.scores import Seen

LONGEST, LONGEST_LIVE = 300_000, 1_500_000
"""Bytes of a page, and of a page that computes."""
_HERE = Path(__file__).parent


def report(
    model: SpectralModel,
    table: Any,
    target: str | Sequence[str] | None = None,
    *,
    live: bool = False,
    show_rows: bool = False,
    file: str = "model.eig",
    source: Mapping[str, str] | None = None,
) -> str:
    """Return a page about a model and a table: errors, guarantees, pictures, predictions explained.

    The page is one HTML document without scripts, unless `live`, and loads nothing. It holds no row
    of the table: cells are told as bins of at least five rows. The same model and table always give
    the same page.

    Parameters
    ----------
    model : SpectralModel
    table : table
        See `Encoding.table`; with the target for errors and residuals.
    target : str or sequence of str, optional
        Column with the true values, or that of each of several targets. Default: the one that the
        model was fitted to, if it is there.
    live : bool
        Whether the page computes predictions, spectra, proven slopes and contributions of the row
        that its reader chooses. It then holds the model file.
    show_rows : bool
        Whether the rows of the best and worst predictions are shown as they are.
    file : str
        Name of the model file, for the code in the page.
    source : mapping of str to str, optional
        Facts about the table, such as its name, to print.

    Returns
    -------
    str
        HTML of at most 300 KB; 1.5 MB if `live`.

    Raises
    ------
    InvalidInput
        If the table lacks columns or a target that was named, or has fewer than five rows without
        `show_rows`; if there is not one name for each target; or if the page would be too long.
    EigcoreError
        If Jinja2 is not installed.
    """
    parts, data = _parts(model, table, target), model.to_bytes()
    seen = parts[0] if len(parts) == 1 else Seen.of(model, table, None)
    if len(seen) < LEAST and not show_rows:
        raise InvalidTable(
            f"The table has {len(seen)} row(s); expected at least {LEAST}, so that means tell of "
            "no single one. Add rows.",
            "show_rows",
            True,
            "if rows may be shown",
        )
    if live:
        _check_size(len(data) * 4 // 3, live)  # in base64
    text = _template().render(
        version=eigcore.__version__,
        title=seen.target or "the prediction",
        rows=len(seen),
        source=dict(source or {}),
        notes=dict.fromkeys(note for part in parts for note in part.notes),
        described=describe(model),
        fitted=_fitted(model),
        decision=facts.decision_of(model.static),
        link=model.static.link,
        folds=FOLDS,
        parts=[_told(part, show_rows, len(parts)) for part in parts],
        show_rows=show_rows,
        codes=facts.codes(model, file),
        hashes=facts.hashes(model, data),
        live=live_data(seen, model.certify(), data) if live else None,
    )
    _check_size(len(text.encode()), live)
    return text


def _parts(model: SpectralModel, table: Any, target: str | Sequence[str] | None) -> list[Seen]:
    """Return the table beside the predictions of each target.

    Raises
    ------
    InvalidOption
        If there is not one name for each of several targets.
    """
    names = model.static.targets
    given = [target] * (len(names) or 1) if target is None else [*np.atleast_1d(cast(Any, target))]
    if len(given) != (len(names) or 1):
        known = names or (model.static.target_name or "y",)
        expected = f"one column for each target, {', '.join(known)}"
        raise InvalidOption("target", target, expected, list(known))
    if not names:
        return [Seen.of(model, table, given[0])]
    pairs = zip(names, given, strict=True)
    return [Seen.of(model.target(name), table, own) for name, own in pairs]


def _told(seen: Seen, show_rows: bool, parts: int) -> dict[str, Any]:
    """Return what the page says of one target, of so many."""
    model, certificate = seen.model, seen.model.certify()
    importance, order = figures.importance(seen)
    names = tuple(map(str, seen.classes)) if model.outputs > 1 else ()
    if model.outputs > 1 and not names:
        names = tuple(f"output {number}" for number in range(model.outputs))
    return {
        "name": seen.target if parts > 1 else "",
        "errors": {} if seen.observed is None else errors(seen),
        "edges": ()
        if seen.observed is None
        else edge_notes(model, seen.table, seen.targets, seen.loss),
        "balance": balance(seen, order),
        "compared": compared(seen),
        "guarantees": facts.guarantees(model, certificate, model.to_bytes()),
        "importance": importance,
        "shapes": list(figures.shapes(seen, order[: max(COLUMNS // parts, 4)], names)),
        "quality": list(figures.quality(seen)),
        "cases": cases(seen, certificate, show_rows),
    }


def _fitted(model: SpectralModel) -> Mapping[str, Any]:
    """Return rows, loss and seed of the fit; nothing for a model that no fit made."""
    told = model.provenance
    return told if {"rows", "loss", "seed"} <= set(told) else {}


def _template() -> Any:
    try:
        import jinja2
        import markupsafe
    except ImportError as exc:
        raise EigcoreError(
            'A report needs Jinja2, which is not installed. Type: pip install "eigcore[report]"'
        ) from exc
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["measure"] = lambda value: plain(value) if value == value else "–"
    environment.globals["own"] = lambda name: markupsafe.Markup((_HERE / name).read_text("utf-8"))
    environment.filters["drawn"] = markupsafe.Markup
    return environment.get_template("page.html")


def _check_size(size: int, live: bool) -> None:
    most = LONGEST_LIVE if live else LONGEST
    if size <= most:
        return
    advice = "Ask for a page without live, or fit fewer members." if live else "Leave out columns."
    raise InvalidInput(
        f"The page would have at least {size} bytes; expected at most {most}. {advice}"
    )
