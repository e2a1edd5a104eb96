"""What a race knows of its candidates, and what it passes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from eigcore.fit.members.member import Settings
from eigcore.fit.members.moving import Neuron
from eigcore.fit.members.sequence import Neurons
from eigcore.fit.search.candidates import is_line
from eigcore.fit.search.folds import End, Fold

_BEHIND = 0.02
"""Part of the least loss of linear models by which one is clearly behind."""

Ends = list[list[End]]
"""Where each fold's neurons ended."""


class Trial(NamedTuple):
    """A candidate on all hidden rows.

    values : decisions (N, ...), averaged over the neurons; loss : theirs
    seconds : that its fits took, with those that they went on from
    """

    loss: float
    values: np.ndarray
    ends: Ends
    seconds: float = 0.0

    def without_memory(self) -> Trial:
        """Return the trial without what its descents knew: of many trials that is much."""
        return self._replace(ends=[[End(end.vector) for end in fold] for fold in self.ends])


class Choice(NamedTuple):
    """What a race chose.

    plan : settings of each member
    notes : what to say about them
    fold : one that they were chosen on
    neurons : those fitted there with these settings
    names : of columns that go on beyond the fitted range
    steps : most steps of a member; None: the usual number
    """

    plan: list[Settings]
    notes: tuple[str, ...] = ()
    fold: Fold | None = None
    neurons: Neurons = MappingProxyType({})
    names: tuple[str, ...] = ()
    steps: int | None = None


def nearest_ends(candidate: Settings, trials: Mapping[Settings, Trial]) -> Ends | None:
    """Ends of the trial that differs only in penalty and `smooth`, the nearest one.

    None at order 1, where each fit finds the minimum.
    """
    if candidate.dim == 1:
        return None
    own = {"penalty": candidate.penalty, "smooth": candidate.smooth}
    alike = [each for each in trials if each._replace(**own) == candidate]
    if not alike:
        return None
    nearest = min(alike, key=lambda s: abs(np.log(s.penalty / candidate.penalty)))
    return trials[nearest].ends


def ends_stage(candidate: Settings, best: Settings, trials: Mapping[Settings, Trial]) -> bool:
    """Whether the penalties that follow a candidate in its stage cannot win.

    It beats the best, from which it differs in the penalty alone: those that follow are on the
    other side. Or it is a linear model clearly behind another one: those that follow are larger.
    """
    loss = trials[candidate].loss
    if is_line(candidate):
        least = min(trial.loss for each, trial in trials.items() if is_line(each))
        return loss > least + _BEHIND * abs(least)
    alike = best in trials and candidate._replace(penalty=best.penalty) == best
    return alike and loss < trials[best].loss


def neurons_of(
    plan: Sequence[Settings], trials: Mapping[Settings, Trial], folds: Sequence[Fold]
) -> Neurons:
    """Neurons fitted with the settings of a plan; none where several folds have parts of them."""
    if len(folds) > 1:
        return {}
    found: dict[Settings, list[Neuron]] = {}
    for each in set(plan) & trials.keys():
        (ends,) = trials[each].ends
        designs = [folds[0].design(each, len(ends), number) for number in range(len(ends))]
        pairs = zip(designs, ends, strict=True)
        found[each] = [Neuron(design, end.vector) for design, end in pairs if design]
    return found


def clusters(folds: Sequence[Fold]) -> np.ndarray | None:
    """Groups of all hidden rows; None: each row stands for itself."""
    own = [fold.hidden.together.clusters for fold in folds]
    found = [each for each in own if each is not None]
    return np.unique(np.concatenate(found), return_inverse=True)[1] if found else None
