"""Make the table of accuracy: ``python -m benchmarks.accuracy --help``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

HERE = Path(__file__).resolve()
QUICK = ("auto_mpg", "uci_yacht", "stoned_41firm", "compas")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    add = parser.add_argument
    add("--sets", nargs="+", help="names of sets (default: all)")
    add("--models", nargs="+", help="names of models (default: all)")
    add("--splits", type=int, help="at most per set (default: 3; all below 600 rows)")
    add("--quick", action="store_true", help="four small sets, one split, no tuning, no budgets")
    add("--shipped", action="store_true", help="three sets of installed packages; needs no data")
    add("--redo", nargs="+", default=[], help="names of models to fit again")
    add("--search", type=float, default=900.0, help="processor seconds of a search at most")
    add("--threads", type=int, default=2, help="for all models (default: 2)")
    add("--data", type=Path, default=HERE.parents[3] / "shared" / "data", help="folder of the sets")
    add("--results", type=Path, default=HERE.parents[2] / "out" / "accuracy.jsonl")
    options = parser.parse_args()
    if options.shipped:
        options.data = options.results.with_name("shipped")
    # read by the libraries when they load; on a busy machine threads should not wait by spinning
    for name in ("OMP", "OPENBLAS", "MKL", "EIGCORE"):
        os.environ[f"{name}_NUM_THREADS"] = str(options.threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"

    from benchmarks.accuracy.data import SETS
    from benchmarks.accuracy.models import MODELS
    from benchmarks.accuracy.run import forget, read, run
    from benchmarks.accuracy.shipped import SHIPPED, write
    from benchmarks.accuracy.table import report

    if options.shipped:
        write(options.data)
    if not options.data.is_dir():
        parser.error(
            f"{options.data} is not a folder; type --data FOLDER with the sets in it, or --shipped."
        )
    known_sets = SHIPPED if options.shipped else SETS
    for kind, known in (("sets", known_sets), ("models", MODELS), ("redo", MODELS)):
        for name in getattr(options, kind) or ():
            if name not in known:
                choices = ", ".join(map(repr, known))
                parser.error(f"--{kind}: {name!r} is not known; expected one of {choices}.")
    sets = options.sets or (QUICK if options.quick and not options.shipped else known_sets)
    quick = [name for name in MODELS if not name.endswith((" tuned", " s"))]
    names = options.models or (quick if options.quick else list(MODELS))
    forget(options.results, options.redo, sets)
    splits = 1 if options.quick else options.splits
    run(options.data, options.results, sets, splits, names, options.search)
    print(report([r for r in read(options.results) if r["set"] in sets], options.threads))


if __name__ == "__main__":
    main()
