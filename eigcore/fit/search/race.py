"""Choose knots, penalty and order of the matrices inside the training rows, cheaply.

Candidates are validated by short fits: first a grid of knots and orders, by successive halving
(Jamieson & Talwalkar, AISTATS 2016: the better half goes on from where it is), then other
penalties, as long as they help. Few rows are cross-validated, and a fit with another penalty starts
where the one with the nearest penalty ended; many rows are split once, on a sample. The members
then share out several candidates so that their average is best on the hidden rows
(`eigcore.fit.search.ensemble`). On few rows, or groups, they are one linear model instead, unless
that average is clearly better. With a kernel, candidates are averages of three neurons; on many
rows they are averages of six, and all members take the best candidate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from eigcore.fit.losses import Targets
from eigcore.fit.members.member import SOME, Settings, is_open_ended
from eigcore.fit.problem import Problem
from eigcore.fit.search import ensemble
from eigcore.fit.search.candidates import DEFAULT, FAST, SLOW, Stage, fixed, most_pieces, stages
from eigcore.fit.search.folds import (
    CHOOSING,
    FEW,
    Fold,
    Judged,
    TimeUp,
    average_loss,
    averaged,
    folds_of,
    is_fast,
    judge,
)

MOST = 48
"""Largest number of members, where a budget decides."""
_NEAR = 0.2
"""Candidates whose loss exceeds the lowest by more than this part of it are not averaged."""
_RUNGS = (0.125, 0.125, 0.25, 0.5)
"""Parts of the steps after which only the better half of the first candidates goes on."""
_RACE = 2.5
"""Time of all rungs, relative to the first."""
_CLEARLY = 1.02
_ERRORS = 2.0
"""Least gain over a linear model, in standard errors, to use more than that on few rows."""


class Trial(NamedTuple):
    """Decisions of a candidate on all hidden rows, their loss, and the final vectors per fold."""

    loss: float
    values: np.ndarray
    ends: list[list[np.ndarray]]


def choose(problem: Problem) -> list[Settings]:
    """Validate a few candidates, and return the settings of each member."""
    usual = usual_settings(problem)
    if is_open_ended(problem):
        usual = usual._replace(members=MOST)
    most = _most_pieces(problem)
    plan = list(stages(problem.options, len(problem), is_fast(problem), most))
    if not plan or len(problem) < 8 or problem.context.interrupted:
        return [usual] * usual.members
    race = Race(problem, usual)
    race.run(plan)
    return race.plan()


def usual_settings(problem: Problem) -> Settings:
    """Settings before anything is validated."""
    guess = FAST if is_fast(problem) else DEFAULT if problem.fast else SLOW
    guess = guess._replace(knots=min(guess.knots, _most_pieces(problem)))
    found = guess._replace(**fixed(problem.options))
    if problem.options.dim is not None:
        return found
    return found._replace(dim=problem.constraints.order(found.dim))


def _most_pieces(problem: Problem) -> int:
    numeric = sum(column.numeric for column in problem.encoding.columns)
    return most_pieces(len(problem), numeric)


class Race:
    """The validation of candidates on the same folds.

    Parameters
    ----------
    problem : the rows to fit
    usual : settings to begin with
    """

    def __init__(self, problem: Problem, usual: Settings):
        self.problem, self.context, self.best = problem, problem.context, usual
        self.folds, self.neurons = folds_of(problem), averaged(problem)
        self.hidden = Targets.joined([fold.hidden.target.targets for fold in self.folds])
        self.clusters = _clusters(self.folds)
        self.trials: dict[Settings, Trial] = {}

    def run(self, plan: list[Stage]) -> None:
        """Validate the candidates of all stages, until the time for choosing is over."""
        try:
            for number, stage in enumerate(plan):
                allowed = self.problem.constraints.allows
                candidates = [each for each in stage(self.best) if allowed(each.dim)]

                def tell(part: float, number: int = number) -> None:
                    least = min(each.loss for each in self.trials.values())
                    self.context.tell("choosing", (number + part) / len(plan), 0, 0, 0, least)

                if not self.trials and len(candidates) > 2:
                    self._halve(candidates, tell)
                else:
                    for place, candidate in enumerate(candidates):
                        if candidate not in self.trials:
                            self._judge(candidate, 1.0)
                        tell((place + 1) / len(candidates))
                self.best = self.lowest()
        except TimeUp:
            pass
        except KeyboardInterrupt:
            self.context.interrupted = True

    def plan(self) -> list[Settings]:
        """Settings of each member."""
        members = self.best.members
        if is_fast(self.problem) or len(self.trials) < 2:
            return [self.lowest() if self.trials else self.best] * members
        return self._ensemble(members)

    def lowest(self) -> Settings:
        """Settings with the lowest loss; on many rows the best so far, unless clearly worse.

        Choosing sees fewer rows than the final fit, and a split is noisy: both favour settings that
        are too small.
        """
        found = min(self.trials, key=lambda each: self.trials[each].loss)
        best = self.trials.get(self.best)
        if is_fast(self.problem) and best and best.loss <= _CLEARLY * self.trials[found].loss:
            return self.best
        return found

    def _judge(self, candidate: Settings, steps: float) -> None:
        context, known = self.context, candidate in self.trials
        if context.interrupted or context.is_over(CHOOSING):
            raise TimeUp
        ends = self._ends(candidate) if len(self.problem) < SOME or known else None
        pairs = zip(self.folds, ends or [None] * len(self.folds), strict=True)
        judged: list[Judged] = [
            judge(fold, candidate, self.neurons, ends=own, steps=steps) for fold, own in pairs
        ]
        values = np.concatenate([each.values for each in judged], axis=1)
        members = self.neurons if is_fast(self.problem) else candidate.members
        loss = average_loss(self.problem.loss, values, self.hidden, members)
        self.trials[candidate] = Trial(loss, values.mean(0), [each.ends for each in judged])

    def _ends(self, candidate: Settings) -> list[list[np.ndarray]] | None:
        """Final vectors of the trial that differs only in penalty and `smooth`, the nearest one."""
        own = {"penalty": candidate.penalty, "smooth": candidate.smooth}
        alike = [each for each in self.trials if each._replace(**own) == candidate]
        if not alike:
            return None
        nearest = min(alike, key=lambda s: abs(np.log(s.penalty / candidate.penalty)))
        return self.trials[nearest].ends

    def _halve(self, candidates: list[Settings], tell: Callable[[float], None]) -> None:
        """Successive halving: keep the trials of the last candidates and of the best so far.

        Raises TimeUp, without keeping a trial, as soon as the time is clearly too short.
        """
        began, most = time.monotonic(), len(candidates)
        kept = self.best if is_fast(self.problem) else None
        try:
            for rung, steps in enumerate(_RUNGS):
                for place, candidate in enumerate(candidates):
                    self._judge(candidate, steps)
                    tell((rung + (place + 1) / len(candidates)) / len(_RUNGS))
                    took = time.monotonic() - began
                    if rung == place == 0 and self.context.left(CHOOSING) < _RACE * most * took:
                        raise TimeUp
                if rung + 1 < len(_RUNGS):
                    ranked = sorted(candidates, key=lambda each: self.trials[each].loss)
                    half = -(-len(ranked) // 2)
                    candidates = ranked[:half] + [each for each in ranked[half:] if each == kept]
                    for each in set(ranked) - set(candidates):
                        del self.trials[each]
        except TimeUp:
            self.trials.clear()
            raise

    def _ensemble(self, members: int) -> list[Settings]:
        """Settings of the best average; on few rows one linear model, unless that is worse."""
        trials, loss = self.trials, self.problem.loss
        least = min(each.loss for each in trials.values())
        near = least + _NEAR * abs(least)
        known = [each for each in trials if trials[each].loss <= near or _is_line(each)]
        values = np.stack([trials[each].values for each in known])
        if members > 1:
            parts = ensemble.shares(loss, values, self.hidden, self.context.rng("ensemble"))
        else:
            parts = 1.0 * np.array([each == self.lowest() for each in known])
        lines = [each for each in known if _is_line(each)]
        if lines and self.problem.together.count <= FEW:
            line = min(lines, key=lambda each: trials[each].loss)
            mean = np.tensordot(parts, values, 1)
            own = trials[line].values
            if ensemble.gain(loss, mean, own, self.hidden, self.clusters) < _ERRORS:
                return [line] * (self.problem.options.members or 1)
        return [known[place] for place in ensemble.sequence(parts, members)]


def _clusters(folds: Sequence[Fold]) -> np.ndarray | None:
    """Groups of all hidden rows; None: each row stands for itself."""
    own = [fold.hidden.together.clusters for fold in folds]
    found = [each for each in own if each is not None]
    return np.unique(np.concatenate(found), return_inverse=True)[1] if found else None


def _is_line(settings: Settings) -> bool:
    """Whether these settings give a linear model."""
    return settings.dim == 1 and not settings.knots
