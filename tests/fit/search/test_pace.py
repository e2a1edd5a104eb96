"""How a race spends a budget."""

import numpy as np

from eigcore.fit.members.member import Settings
from eigcore.fit.search import pace
from eigcore.fit.search.candidates import DEFAULT
from eigcore.fit.search.trials import Trial


def test_a_grid_begins_if_half_of_its_time_is_left_or_no_matrices_can_be_fitted():
    line, small = Settings(0, 1, 1e-3, 1), DEFAULT._replace(dim=3)
    known = {line: Trial(1.0, np.ones(1), [], 0.1), small: Trial(1.0, np.ones(1), [], 4.0)}
    grid = [DEFAULT] * 10
    assert not pace.is_payable(grid, known, 19.9)
    assert pace.is_payable(grid, known, 20.1)
    assert pace.is_payable(grid, {line: known[line]}, 0.1)
