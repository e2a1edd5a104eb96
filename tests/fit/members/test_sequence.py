"""Members one after another: what they share, where they start, how far they go."""

from __future__ import annotations

import numpy as np
import pytest
from samples import problem_for, smooth_table

from eigcore.fit.members import sequence
from eigcore.fit.members.design import Design
from eigcore.fit.members.member import Settings, piece_counts
from eigcore.fit.members.moving import Neuron, moved
from eigcore.fit.members.sequence import fit_members

SETTINGS = Settings(knots=4, dim=2, penalty=1e-3, members=8)
OTHER = SETTINGS._replace(penalty=1e-2)


def test_members_share_designs_and_start_from_the_neurons_of_their_settings(monkeypatch):
    problem, starts, designs = problem_for(max_iter=1), [], []
    fit_member = sequence.fit_member

    def fitted(design, settings, number, start, begun):
        assert begun == (start is not None)
        starts.append(start)
        designs.append(design)
        return fit_member(design, settings, number, start, begun=begun)

    monkeypatch.setattr(sequence, "fit_member", fitted)
    plan = [*[SETTINGS] * 7, OTHER]
    pieces = piece_counts(plan)[0]
    design = Design(problem.part(slice(0, None, 2)).encoded(8), pieces)
    size = design.parametrisation(2).size
    neuron = Neuron(design, np.random.default_rng(0).normal(size=size))
    fit_members(problem, plan, {SETTINGS: [neuron]})
    np.testing.assert_array_equal(starts[0], moved(neuron, designs[0], 2))
    assert starts[1:] == [None] * 7
    assert designs[6] is designs[0]
    assert len(set(map(id, designs))) == len(set(piece_counts(plan)))


@pytest.mark.parametrize(("rows", "steps"), [(3000, 4), (3400, 2)])
def test_of_more_rows_half_of_the_steps_are_made_on_some(rows, steps):
    problem = problem_for(smooth_table(rows), max_iter=4)
    (solution,) = fit_members(problem, [SETTINGS]).ended
    assert solution.iterations == steps
