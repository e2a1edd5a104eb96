"""Fit the models on the sets, one JSON line per (set, split, model), so that a run can resume."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.data import Part, parts
from benchmarks.accuracy.models import FOLLOWERS, MODELS, Context, Model, applies
from benchmarks.accuracy.shape import violations

Record = dict[str, Any]


def read(results: Path) -> list[Record]:
    """Records so far; a line cut short by an interruption is left out."""
    records = []
    for line in results.read_text().splitlines() if results.exists() else []:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def forget(results: Path, models: Iterable[str], sets: Iterable[str]) -> None:
    """Remove the records of some models on some sets."""
    kept = [r for r in read(results) if not (r["model"] in models and r["set"] in sets)]
    fresh = results.with_suffix(".new")
    fresh.write_text("".join(json.dumps(r) + "\n" for r in kept))
    fresh.replace(results)


def run(
    folder: Path,
    results: Path,
    sets: Iterable[str],
    splits: int | None,
    names: list[str],
    most: float,
) -> None:
    """Fit what is missing in the results file; see `Context` for `most`."""
    done = {(r["set"], r["split"], r["model"]): r for r in read(results)}
    results.parent.mkdir(parents=True, exist_ok=True)
    for own in sets:
        for part, name in product(parts(folder, own, splits), names):
            key = (part.name, part.split, name)
            if key in done or not applies(name, part):
                continue
            context = Context(done.get((*key[:2], "eigcore"), {}), most)
            if name in FOLLOWERS and not context.eigcore:
                raise SystemExit(
                    f"{name} is given eigcore's size or time, and there is no record of eigcore on "
                    f"{part.name}. Add eigcore to --models."
                )
            done[key] = measure(part, name, MODELS[name], context)
            with results.open("a") as file:
                file.write(json.dumps(done[key]) + "\n")
            print(_line(done[key]), file=sys.stderr, flush=True)


def measure(part: Part, name: str, model: Model, context: Context) -> Record:
    """Fit a model and look at the test part, once."""
    wall, cpu = time.perf_counter(), time.process_time()
    fitted = model(part, context)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found, checked = violations(fitted.predict, part) if part.declared else (0, 0)
    return {
        "set": part.name,
        "split": part.split,
        "model": name,
        **errors(fitted.predict(part.test), part),
        "seconds": wall,
        "cpu_seconds": cpu,
        "parameters": fitted.parameters,
        "violations": found,
        "checks": checked,
        "note": fitted.note,
        "date": date.today().isoformat(),
    }


def errors(predictions: np.ndarray, part: Part) -> dict[str, float]:
    """RMSE, or for classes the error rate, and the log loss beside it."""
    if not part.classes:
        return {"error": float(np.sqrt(np.mean((predictions - part.wanted) ** 2)))}
    p = np.clip(predictions, 1e-7, 1.0 - 1e-7)
    chosen = np.where(part.wanted > 0.5, p, 1.0 - p)
    wrong = (predictions > 0.5) != (part.wanted > 0.5)
    return {"error": float(np.mean(wrong)), "log_loss": float(-np.mean(np.log(chosen)))}


def _line(record: Record) -> str:
    return (
        f"{record['set']} {record['split']}: {record['model']} {record['error']:.4g} "
        f"in {record['seconds']:.1f} s {record['note']}"
    )
