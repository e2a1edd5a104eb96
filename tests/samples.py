"""Small models with every kind of column, and projections, and a table to fit, for the tests."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

import eigcore.portable.file as modelfile
from eigcore.core.canonical import matrices, pack
from eigcore.core.spec import EigSpec
from eigcore.encoding import (
    Categories,
    Encoding,
    Linear,
    Periodic,
    PiecewiseLinear,
    Projection,
)
from eigcore.encoding.rows import kernel_serves
from eigcore.fit.context import Context
from eigcore.fit.data.beside import Beside
from eigcore.fit.losses import Targets, make_loss
from eigcore.fit.members.design import Design
from eigcore.fit.options import FitOptions
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.objective import Objective
from eigcore.model import SpectralModel

VARIANTS = [
    {},
    {"link": "logistic", "classes": ("no", "yes")},
    {"link": "log", "target_scale": 0.5},
    {"weights": (3, 1), "provenance": {"seed": 1, "rows": 20}},
    {"spec": {"outputs": 2}},
    {"spec": {"outputs": 3}, "link": "softmax", "classes": ("low", "middle", "top")},
    {"spec": {"structure": "tridiagonal"}},
    {"spec": {"functional": "smooth", "alpha": 0.5}},
    {"spec": {"functional": "softmax", "t": 0.3}},
    {"spec": {"structure": "diagonal", "index": 0}},
]
SPECS = {
    "middle": {},
    "concave": {"index": 0},
    "tridiagonal": {"structure": "tridiagonal"},
    "banded": {"structure": "banded:2"},
    "diagonal": {"structure": "diagonal"},
    "smooth": {"functional": "smooth", "alpha": 0.8},
    "softmax": {"functional": "softmax", "t": 0.5},
    "top_sum": {"functional": "top_sum", "r": 2},
    "bottom_sum": {"functional": "bottom_sum", "r": 3},
    "weighted": {"functional": "weighted", "weights": (0.5, 0.0, 2.0, 1.0)},
    "outputs": {"outputs": 2},
}
"""Members of order 4, of every structure and functional."""
NAMES = ("size", "age", "rooms", "town", "hour")


def encoding(missing: bool = True, towns=("north", "south", "west")) -> Encoding:
    return Encoding(
        (
            Linear(1.0, 2.0, missing),
            PiecewiseLinear((0.0, 1.0, 3.0), "linear", missing),
            PiecewiseLinear((-1.0, 0.5, 2.0), "clamped", missing),
            Categories(towns, missing),
            Periodic(24.0, (1.0, 7.0, 20.0), missing),
        ),
        NAMES,
        ("m2", "years", "", "", "h"),
        (
            Projection(
                ("size", "rooms"),
                (0.5, -1.25),
                PiecewiseLinear((-2.0, 0.0, 1.0), "linear", missing),
                (1.0, 0.5),
            ),
            Projection(("rooms", "hour"), (1.0, 0.1), Linear(0.0, 3.0, missing)),
        ),
    )


def rows(count: int, seed: int = 0, missing: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-4, 6, size=(count, 5))
    x[:, 3] = rng.integers(-1, 3, size=count)
    x[:, 4] = rng.uniform(-30, 60, size=count)
    return np.where(rng.random(x.shape) < 0.15, np.nan, x) if missing else x


def params(spec: EigSpec, rng: np.random.Generator, psd: slice | None = None) -> np.ndarray:
    values = rng.normal(size=spec.params_shape)
    if psd is not None:
        M = matrices(spec, values)
        M[:, psd] = M[:, psd] @ M[:, psd].mT
        values = pack(spec, M)
    return values


def model(seed: int = 0, *, missing: bool = True, dims=(5, 4), psd=None, spec=None, **options):
    # numbers as levels, which arrays of every library can hold; −1 in `rows` was never seen
    rng, e = np.random.default_rng(seed), encoding(missing, towns=(0, 1, 2))
    specs = [EigSpec(e.terms, d, **(spec or {})) for d in dims]
    members = [(s, params(s, rng, psd)) for s in specs]
    options = {"target_scale": 3.0, "target_offset": 10.0, "target_name": "price"} | options
    return SpectralModel(e, members, **options)


def risen(m: SpectralModel) -> SpectralModel:
    """The model with every matrix but A_0 made positive semidefinite, in its own structure."""
    members = []
    for spec, own in m.members:
        M = matrices(spec, own[:, 1:])
        lift = np.maximum(-np.linalg.eigvalsh(M)[..., :1, None], 0.0) + 0.1
        members.append(np.concatenate([own[:, :1], pack(spec, M + lift * np.eye(spec.dim))], 1))
    return m.with_params(members)


def linear_model(seed: int = 0, columns: int = 3, dim: int = 4, **options) -> SpectralModel:
    spec = EigSpec(columns, dim, **options)
    return SpectralModel(None, [(spec, params(spec, np.random.default_rng(seed)))])


def small(column, values, members=1, outputs=1, **spec):
    """A model of multiples of I: (member, output, row, multiple); row 0 is A_0."""
    e = column if isinstance(column, Encoding) else Encoding((column,), ("t",))
    dim = spec.pop("dim", len(spec.get("weights", (0,))))
    spec = EigSpec(e.terms, dim, outputs=outputs, **spec)
    own = [np.zeros(spec.params_shape) for _ in range(members)]
    for member, output, row, value in values:
        own[member][output, row, spec.rows == spec.cols] = value
    return SpectralModel(e, [(spec, params) for params in own])


def smooth_table(rows: int = 200, seed: int = 0) -> dict[str, np.ndarray]:
    """A column of each kind, and a target that the first three columns drive."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, rows))
    c[:15] = np.nan
    kind = rng.choice(["oak", "elm", "ash"], size=rows)
    y = a + np.abs(b) + 0.5 * (kind == "elm") + 0.05 * rng.normal(size=rows)
    return {"a": a, "b": b, "c": c, "kind": kind, "two": np.sign(a), "y": y}


def house() -> dict[str, np.ndarray]:
    """Two targets that rise with a; their units differ by 10⁶, and one is far from 0."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 5, (2, 200))
    noise = rng.normal(size=(2, 200)) / 100
    heat = 1e-3 * (2 * a + np.sin(b) + noise[0])
    cost = 1e4 + 3e3 * (np.sqrt(a) + 0.1 * a * b + noise[1])
    return {"a": a, "b": b, "heat": heat, "cost": cost}


def problem_for(table=None, target="y", context=None, **options) -> Problem:
    """All rows of a table, the smooth one by default, as a problem; linear columns."""
    options = FitOptions(**{"validation": 0.0} | options)
    table = smooth_table() if table is None else table
    context = context or Context(options.backend or "numpy", options.seed)
    return Problem.of(table, target, Beside(), options, context)


def design_for(pieces: int = 4, knots: int = 6, **options) -> Design:
    """Design of the smooth table."""
    return Design(problem_for(**options).encoded(knots), pieces)


def rewritten(path, change, sign=True):
    """Write the file again after `change(header, tensors)`, with right checksums if `sign`."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["eigcore"])
    tensors = safetensors.numpy.load(data)
    change(header, tensors)
    if sign:
        arrays = [tensors[name] for name in sorted(tensors)]
        header["parameters_sha256"] = modelfile.parameters_sha256(arrays)
        header["header_sha256"] = modelfile.header_sha256(header)
    path.write_bytes(safetensors.numpy.save(tensors, {"eigcore": json.dumps(header)}))


needs_kernels = pytest.mark.skipif(
    not kernel_serves(EigSpec(features=1, dim=3), "numpy"), reason="needs the kernels"
)


def objective(loss="squared", dtype="float64", dim=4, **case):
    """Objective of the smooth table, with targets of its own."""
    weights, offset = case.pop("weights", False), case.pop("offset", False)
    smooth = case.pop("smooth", 0.0)
    problem = replace(problem_for(**case), fast=dtype == "float32", sampled_from=10_000)
    design = Design(problem.encoded(6), 4)
    made = design.objective(design.parametrisation(dim), 0.01, smooth=smooth)
    rng, count = np.random.default_rng(5), len(problem)
    targets = Targets(
        rng.random(count),
        rng.random(count) if weights else None,
        rng.normal(size=count) if offset else None,
    )
    assert made.rows.dtype == dtype
    return Objective(
        made.rows,
        targets,
        loss=make_loss(loss),
        penalty=0.01,
        parametrisation=made.parametrisation,
        smooth=made.smooth,
    )
