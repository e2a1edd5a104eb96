"""Designs: the objective's gradient, and members in the shared encoding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import design_for, problem_for

import eigcore
from eigcore.core.canonical import matrices
from eigcore.fit.members.design import Design

CONSTRAINTS = [
    {},
    {"increasing": ["a"], "decreasing": ["b", "c"]},
    {"shape": "convex"},
    {"increasing": ["a"], "decreasing": ["b"], "shape": "convex"},
    {"increasing": ["a"], "decreasing": ["b"], "shape": "concave"},
    {"increasing": ["a"], "additive": ["a", "b", "kind"]},
    {"increasing": ["a"], "shape": {"a": "convex", "b": "concave", "c": "convex"}},
    {"increasing": ["c"], "missing": "lowest"},
    {"decreasing": ["c"], "missing": "lowest", "additive": ["c"]},
    {"decreasing": ["c"], "missing": {"c": "highest"}},
    {"increasing": ["c"], "missing": "between"},
    {"decreasing": ["kind"], "order": {"kind": ["ash", "never", "oak", "elm"]}},
]


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=str)
def test_the_objective_has_the_gradient_it_returns(constraints):
    problem = replace(problem_for(**constraints), fast=False)  # in float64
    design = Design(problem.encoded(6), 4)
    coordinates = design.parametrisation(3)
    objective = design.objective(coordinates, 0.01, smooth=0.1)
    rng = np.random.default_rng(2)
    point, direction = rng.normal(size=(2, coordinates.size)) * 0.3
    step = 1e-6
    up, down = (objective(point + s * direction)[0] for s in (step, -step))
    slope = objective(point)[1] @ direction
    assert (up - down) / (2 * step) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=str)
def test_a_member_in_the_shared_encoding_is_the_same_function(constraints):
    design = design_for(**constraints)
    shared, numbers = design.problem.encoding, design.problem.numbers
    coordinates = design.parametrisation(3)
    point = np.random.default_rng(3).normal(size=coordinates.size)
    spec, params = design.member(coordinates, point)
    numpy = eigcore.get_backend("numpy")
    scaled = (design.coarse(numbers, numpy, codes=True) - design.moments.mean) / design.deviation
    before = eigcore.evaluate(design.spec(3), coordinates.matrices(point), scaled)
    assert np.allclose(
        eigcore.evaluate(spec, params, shared(numbers, numpy, codes=True)), before, atol=1e-10
    )


@pytest.mark.parametrize("constraints", CONSTRAINTS[1:], ids=str)
def test_constraints_hold_exactly_for_any_vector(constraints):
    design = design_for(**constraints)
    coordinates = design.parametrisation(4)
    for scale in (1e-8, 1.0, 1e8):
        point = scale * np.random.default_rng(4).normal(size=coordinates.size)
        member = design.member(coordinates, point)
        check_slopes(design.problem, *member)
        check_places(design.problem, member)


def check_places(problem, member):
    model = eigcore.SpectralModel(problem.encoding, [member])
    proven = {column.name: column for column in model.certify().columns}
    assert all(proven[name].increasing for name in problem.constraints.increasing)
    assert all(proven[name].decreasing for name in problem.constraints.decreasing)
    for name, place in problem.constraints.missing:
        found = proven[name].missing
        told = {"lowest": found.lowest, "highest": found.highest, "between": found.between}
        assert [word for word, holds in told.items() if holds] == [
            place if isinstance(place, str) else "between"
        ]


def check_slopes(problem, spec, params):
    full, constraints = matrices(spec, params[0, 1:]), problem.constraints
    pairs = zip(problem.encoding.names, problem.encoding.columns, strict=True)
    for j, (name, column) in enumerate(pairs):
        if name in constraints.additive:
            own = full[problem.encoding.slices[j]]
            assert (own == own[:, :1, :1] * np.eye(spec.dim)).all(), name
            assert own.any()
        if not column.numeric:
            continue
        slopes, sign = problem.encoding.pieces(j, full).slopes, constraints.sign(name)
        assert slopes.any(), name
        if sign:
            assert np.linalg.eigvalsh(sign * slopes).min() >= 0.0, name
        bend = constraints.bend(name)
        if bend and len(slopes) > 1:
            assert np.linalg.eigvalsh(bend * np.diff(slopes, axis=0)).min() >= 0.0, name


@pytest.mark.parametrize("constraints", [{}, {"additive": ["a", "b"]}], ids=str)
def test_a_member_goes_back_to_its_vector(constraints):
    design = design_for(increasing=["a"], **constraints)
    coordinates = design.parametrisation(3)
    point = np.random.default_rng(5).normal(size=coordinates.size)
    _, params = design.member(coordinates, point)
    again = coordinates.matrices(design.vector(coordinates, params))
    np.testing.assert_allclose(again, coordinates.matrices(point), atol=1e-8)


def test_moments_follow_from_the_shared_terms():
    design = design_for()
    terms = design.coarse(design.problem.numbers, eigcore.get_backend("numpy"), codes=True)
    target = design.problem.target.targets.target
    assert np.allclose(design.moments.mean, terms.mean(0))
    assert np.allclose(design.moments.covariance.blocks[0], np.cov(terms.T, bias=True))
    assert np.allclose(design.moments.cross[:, 0], (terms - terms.mean(0)).T @ target / len(terms))
