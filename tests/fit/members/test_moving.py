"""A neuron in another design: the same function of the same rows, or nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from samples import problem_for

from eigcore.fit.data.encode import Sum
from eigcore.fit.members.design import Design
from eigcore.fit.members.moving import Neuron, moved

SUM = Sum(("a", "b"), (1.0, -0.5), (0.0, 0.0))


def neuron(problem, pieces=4):
    design = Design(problem.encoded(6), pieces)
    size = design.parametrisation(3).size
    return Neuron(design, np.random.default_rng(0).normal(size=size * problem.loss.outputs))


@pytest.mark.parametrize("options", [{}, {"increasing": ["c"]}, {"additive": ["kind"]}], ids=str)
def test_a_neuron_stays_the_same_function_where_sums_are_added(options):
    problem = problem_for(**options)
    known = neuron(problem)
    design = Design(replace(problem, sums=(SUM,)).encoded(6), 4)
    found = moved(known, design, 3)
    assert found is not None
    values = [
        each.design.objective(each.design.parametrisation(3), 0.1).values(each.vector)
        for each in (known, Neuron(design, found))
    ]
    np.testing.assert_allclose(*values, atol=1e-5)
    assert np.ptp(values[0]) > 0.1
    assert moved(Neuron(design, found), known.design, 3) is None


def test_other_rows_have_the_same_blocks_and_other_pieces_have_none():
    problem = problem_for()
    known = neuron(problem.part(slice(0, None, 2)))
    design = Design(problem.encoded(6), 4)
    found = moved(known, design, 3)
    before, after = known.design.parametrisation(3), design.parametrisation(3)
    for one, other in zip(before.blocks(known.vector), after.blocks(found), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)
    assert moved(known, Design(problem.encoded(6), 3), 3) is None
