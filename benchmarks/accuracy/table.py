"""The tables in Markdown, from the records of a run: one line per set, one column per model."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.boards import BOARDS, FOREST
from benchmarks.accuracy.data import SETS
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.run import Record
from benchmarks.accuracy.shipped import SHIPPED

Cells = dict[tuple[str, str], list[Record]]
OWN = "eigcore"
TREES = ("XGBoost tuned", "HistGB tuned")


def report(records: list[Record], threads: int) -> str:
    """Return all tables: ratios, errors, violations, costs, California by budget."""
    if not records:
        return "No results."
    cells: Cells = defaultdict(list)
    for record in records:
        cells[record["set"], record["model"]].append(record)
    sets = [name for name in (*SETS, *SHIPPED) if any(key[0] == name for key in cells)]
    shaped = [name for name in sets if _has(cells, name, "checks")]
    classified = [name for name in sets if _has(cells, name, "log_loss")]
    models = [m for m in MODELS if any(key[1] == m for key in cells) and not m.endswith(" s")]
    against = by_opponent(cells, sets, models)
    dates = sorted({record["date"] for record in records})
    parts = [
        f"{machine()}, {threads} threads, {' to '.join(sorted({dates[0], dates[-1]}))}.",
        summary(against),
        ratings(records),
        "### Error of eigcore over the error of the other (below 1: eigcore is better)",
        ratios(against, sets),
        "### Error on the test rows: RMSE in units of the target, or misclassified rows",
        grid(cells, sets, models, _error),
        "### Log loss on the test rows",
        grid(cells, classified, models, _mean_of("log_loss", "{:.4f}")) if classified else "",
        "### Violations of the declared shape on a dense grid, of all checks",
        grid(cells, shaped, models, _violations) if shaped else "",
        "### Seconds (wall) to choose and fit",
        grid(cells, sets, models, _mean_of("seconds", "{:.2f}")),
        "### Processor seconds to choose and fit",
        grid(cells, sets, models, _mean_of("cpu_seconds", "{:.0f}")),
        "### Parameters",
        grid(cells, sets, [m for m in models if m not in BOARDS], _mean_of("parameters", "{:.0f}")),
        "### California by budget",
        budgets(cells),
    ]
    return "\n\n".join(part for part in parts if part)


def grid(
    cells: Cells, sets: Iterable[str], models: list[str], cell: Callable[[list[Record]], str]
) -> str:
    """One line per set, one column per model; (n): over the first n splits only."""
    lines = [_row(["set", *models]), "|" + "---|" * (len(models) + 1)]
    for name in sets:
        found = [cells.get((name, m), []) for m in models]
        most = max(map(len, found), default=0)
        marks = ["" if len(records) == most else f" ({len(records)})" for records in found]
        texts = [cell(each) + mark if each else "" for each, mark in zip(found, marks, strict=True)]
        lines.append(_row([name, *texts]))
    return "\n".join(lines)


def ratio(cells: Cells, name: str, others: tuple[str, ...]) -> float | None:
    """Mean error of eigcore over that of the other (the best of several), over common splits."""
    sides = [{r["split"]: r["error"] for r in cells.get((name, m), [])} for m in (OWN, *others)]
    common = set.intersection(*(set(side) for side in sides))
    if not common:
        return None
    own, *rest = (float(np.mean([side[split] for split in common])) for side in sides)
    return own / min(rest)


Ratios = dict[str, dict[str, float]]


def by_opponent(cells: Cells, sets: list[str], models: list[str]) -> Ratios:
    """Ratios to each opponent on the sets both were fitted on."""
    opponents = {m: (m,) for m in models if not m.startswith(OWN)}
    if all(m in models for m in TREES):
        opponents["better of the tuned"] = TREES
    known = {m: {s: ratio(cells, s, others) for s in sets} for m, others in opponents.items()}
    return {m: {s: r for s, r in found.items() if r is not None} for m, found in known.items()}


def summary(found: Ratios) -> str:
    """One line per opponent."""
    heads = ["eigcore's default against", "geometric mean", "sets", "as good or better", "worst"]
    lines = [_row(heads), "|" + "---|" * len(heads)]
    for opponent, each in found.items():
        if each:
            worst = max(each, key=lambda name: each[name])
            good = sum(value <= 1.0 for value in each.values())
            texts = [opponent, f"{_mean(each):.3f}", str(len(each)), str(good)]
            lines.append(_row([*texts, f"{worst} {each[worst]:.3f}"]))
    return "\n".join(lines)


def ratings(records: list[Record]) -> str:
    """Elo of the models that were fitted on all sets, in the reckoning of TabArena's board.

    A set is a match of each two models: the smaller mean error wins, or the smaller mean log loss
    where there are classes. The random forest has 1000, 400 points are odds of ten to one.
    """
    table = pd.DataFrame(
        [(r["model"], r["set"], r.get("log_loss") or r["error"]) for r in records],
        columns=["method", "task", "metric_error"],
    )
    sets = table.groupby("method")["task"].nunique()
    full = sets.index[sets == table["task"].nunique()]
    if FOREST not in full or len(full) < 2:
        return ""
    try:
        from bencheval.evaluator import BenchmarkEvaluator
    except ImportError:
        return "For Elo ratings, type: pip install bencheval"
    board = BenchmarkEvaluator(columns_to_agg_extra=None)
    matches = board.compute_results_per_task(table[table["method"].isin(full)])
    elo = board.compute_elo(matches, calibration_framework=FOREST, calibration_elo=1000)
    lines = ["| model | Elo | 95 % interval |", "|---|---|---|"]
    for name, row in elo.iterrows():
        interval = f"{row['elo'] - row['elo-']:.0f} to {row['elo'] + row['elo+']:.0f}"
        lines.append(_row([str(name), f"{row['elo']:.0f}", interval]))
    return f"### Elo over {table['task'].nunique()} sets\n\n" + "\n".join(lines)


def ratios(found: Ratios, sets: list[str]) -> str:
    """Ratio to each opponent; the last lines summarise."""
    lines = [_row(["set", *found]), "|" + "---|" * (len(found) + 1)]
    for name in sets:
        texts = [f"{each[name]:.3f}" if name in each else "" for each in found.values()]
        lines.append(_row([name, *texts]))
    means = [f"**{_mean(each):.3f}**" for each in found.values()]
    most = [f"**{max(each.values(), default=np.nan):.3f}**" for each in found.values()]
    return "\n".join([*lines, _row(["**geometric mean**", *means]), _row(["**largest**", *most])])


def _mean(each: dict[str, float]) -> float:
    return float(np.exp(np.mean(np.log(list(each.values()) or [np.nan]))))


def budgets(cells: Cells) -> str:
    """California with a budget in seconds."""
    lines = ["| model | RMSE, $ | seconds | parameters |", "|---|---|---|---|"]
    for model in (m for m in MODELS if m.startswith(OWN)):
        for r in cells.get(("california_colab", model), []):
            cost = [f"{r['seconds']:.1f}", str(r["parameters"])]
            lines.append(_row([model, f"{r['error']:.0f}", *cost]))
    return "\n".join(lines)


def machine() -> str:
    """Name of the processor, and how many of it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def _row(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _has(cells: Cells, name: str, key: str) -> bool:
    return any(r.get(key) for (own, _), found in cells.items() if own == name for r in found)


def _error(records: list[Record]) -> str:
    mean = float(np.mean([r["error"] for r in records]))
    return f"{100 * mean:.2f} %" if "log_loss" in records[0] else f"{mean:.4g}"


def _violations(records: list[Record]) -> str:
    found, checks = (sum(r[key] for r in records) for key in ("violations", "checks"))
    return f"{found} of {checks}" if found else "0"


def _mean_of(key: str, form: str) -> Callable[[list[Record]], str]:
    return lambda records: form.format(np.mean([r[key] for r in records]))
