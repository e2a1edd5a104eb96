"""Choose knots, penalty and order of the matrices inside the training rows, cheaply.

Candidates are validated by short fits: first linear models, then a grid of knots and orders, by
successive halving (Jamieson & Talwalkar, AISTATS 2016: the better half goes on from where it is),
then other penalties, as long as they help. Little information is cross-validated, and a fit with
another penalty starts where the one with the nearest penalty ended; much is split once, on a
sample, and the first rungs see a part of it. The members then share out several candidates so that
their average is best on the hidden rows (`eigcore.fit.search.ensemble`). As far as its gain over
the best linear model is uncertain, that takes their place, all places if chance explains the gain.
With a kernel, candidates are averages of some neurons; with much information all members take the
best candidate, and the first of them start from its neurons.

Whenever time is up, what was judged counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eigcore.fit.losses import Targets
from eigcore.fit.members.member import SOME, Settings, is_open_ended
from eigcore.fit.problem import Problem
from eigcore.fit.search import ensemble, pace
from eigcore.fit.search.candidates import Stage, is_line, stages, start_after
from eigcore.fit.search.folds import (
    Fold,
    Judged,
    TimeUp,
    average_loss,
    averaged,
    folds_of,
    is_fast,
    judge,
)
from eigcore.fit.search.lengths import few_steps
from eigcore.fit.search.tails import going
from eigcore.fit.search.trials import (
    Choice,
    Ends,
    Trial,
    clusters,
    ends_stage,
    nearest_ends,
    neurons_of,
)
from eigcore.fit.search.usual import scope_of, straight, usual_settings

MOST = 48
"""Largest number of members, where a budget decides."""
_NEAR = 0.2
"""Candidates whose loss exceeds the lowest by more than this part of it are not averaged."""
_RUNGS = ((0.125, True), (0.125, True), (0.25, False), (0.5, False))
"""Parts of the steps after which only the better half of a grid goes on, and whether some of the
rows are enough for them, where these are many."""
_FORETOLD = 6
"""Neurons in the averages that are foretold with much information; more favour small penalties."""
_CLEARLY = 0.02
"""With much information, part of the loss, and of what is gained over a linear model, by which
other settings must be better than those to begin with."""
_FEWEST = 8
"""So many rows can be shared out among folds."""


def choose(problem: Problem) -> Choice:
    """Validate a few candidates, and return the settings of each member."""
    usual = usual_settings(problem)
    if is_open_ended(problem):
        usual = usual._replace(members=MOST)
    options, scope = problem.options, scope_of(problem)
    plan = list(stages(options, scope))
    if not plan or problem.context.interrupted:
        return Choice([usual] * usual.members)
    if len(problem) < _FEWEST:
        plan = straight(problem, usual)
        goes_on = going(problem, plan, None, [], 1)
        return Choice(plan, goes_on.told(options.tails), names=goes_on.names)
    race = Race(problem, usual)
    race.run(list(stages(options, scope._replace(short=problem.context.hurried))))
    plan = race.plan()
    goes_on = going(problem, plan, race.trials.get(plan[0]), race.folds, race.neurons)
    neurons = neurons_of(plan, race.trials, race.folds)
    notes = race.notes + goes_on.told(options.tails)
    steps = None if goes_on.names else few_steps(problem, plan, race.folds)
    return Choice(plan, notes, race.folds[0], neurons, goes_on.names, steps)


class Race:
    """The validation of candidates on the same folds.

    Parameters
    ----------
    problem : the rows to fit
    usual : settings to begin with

    Attributes
    ----------
    trials : what is known of each candidate
    best : where the next stage begins
    notes : what was not reached
    """

    def __init__(self, problem: Problem, usual: Settings):
        self.problem, self.context, self.best = problem, problem.context, usual
        self.every, self.notes = folds_of(problem), ()
        self._begin(pace.affordable(problem, self.every))  # averages are small in a hurry
        self.neurons = averaged(problem)

    def _begin(self, folds: list[Fold], trials: dict[Settings, Trial] | None = None) -> None:
        self.folds, self.clusters = folds, clusters(folds)
        self.hidden = Targets.joined([fold.hidden.target.targets for fold in folds])
        self.trials = trials or {}

    def run(self, plan: Sequence[Stage]) -> None:
        """Validate the candidates of all stages, until the time for choosing is over."""
        allowed, halved = self.problem.constraints.allows, False
        try:
            for number, stage in enumerate(plan):
                found = dict.fromkeys(each for best in self._leaders() for each in stage(best))
                candidates = [each for each in found if allowed(each.dim)]
                if not halved and len(candidates) > 2 and candidates[-1].dim > 1:
                    halved = True
                    self._halve(candidates, number, len(plan))
                else:
                    for place, candidate in enumerate(candidates):
                        if candidate not in self.trials:
                            few = self.problem.information < SOME
                            ends = nearest_ends(candidate, self.trials) if few else None
                            self._judge(candidate, ends, 1.0, False)
                        self._tell(number + (place + 1) / len(candidates), len(plan))
                        if ends_stage(candidate, self.best, self.trials):
                            break
                if any(not is_line(each) for each in self.trials):
                    self.best = self.lowest()
                    for each in self.trials.keys() - {self.best}:
                        self.trials[each] = self.trials[each].without_memory()
                else:
                    self.best = start_after(self.best, self._line(), self.problem.information)
        except TimeUp:
            self._note()
        except KeyboardInterrupt:
            self.context.interrupted = True

    def plan(self) -> list[Settings]:
        """Settings of each member: the best that can be fitted in the time that is left.

        Where few folds speak for a linear model, all of them are heard.
        """
        found = self._plan()
        before = self.folds, self.trials
        bent = [each for each in self.trials if not is_line(each)]
        if not is_line(found[0]) or not bent or len(self.folds) == len(self.every):
            return found
        both = self._line(), self.lowest(bent)
        try:
            self._begin(self.every)
            for each in filter(None, both):
                self._judge(each, None, 1.0, False)
            return self._plan()
        except TimeUp:
            pass
        except KeyboardInterrupt:
            self.context.interrupted = True
        self._begin(*before)
        return found

    def _fittable(self) -> dict[Settings, Trial]:
        members = self.best.members
        return pace.fittable(self.trials, self.problem, self.folds, self.neurons, members)

    def _plan(self) -> list[Settings]:
        members, line = self.best.members, self._line()
        trials = self._fittable()
        bent = [each for each in trials if not is_line(each)]
        if not bent:
            return straight(self.problem, self.best, line)
        if is_fast(self.problem) or len(trials) < 2:
            known = [self.lowest(bent)]
            parts = np.ones(1)
        else:
            known, parts = self._shares(list(trials), members)
        if line is not None:
            mean = np.tensordot(parts, np.stack([trials[each].values for each in known]), 1)
            own, loss = self.trials[line].values, self.problem.loss
            gain = ensemble.gain(loss, mean, own, self.hidden, self.clusters)
            part = ensemble.shrunken(gain)
            known, parts = [*known, line], np.append(part * parts, 1.0 - part)
        plan = [known[place] for place in ensemble.sequence(parts, members)]
        return straight(self.problem, self.best, line) if all(map(is_line, plan)) else plan

    def lowest(self, among: Sequence[Settings] | None = None) -> Settings:
        """Settings with the lowest loss; with much information the best so far, if that is near.

        Choosing sees fewer rows than the final fit, and a split is noisy: both favour settings that
        are too small.
        """
        bent = among or [each for each in self.trials if not is_line(each)] or list(self.trials)
        found = min(bent, key=lambda each: self.trials[each].loss)
        if is_fast(self.problem) and self.best in bent:
            least, line = self.trials[found].loss, self._line()
            gained = abs(least) if line is None else max(self.trials[line].loss - least, 0.0)
            if self.trials[self.best].loss <= least + _CLEARLY * min(abs(least), gained):
                return self.best
        return found

    def _leaders(self) -> list[Settings]:
        """The best settings; if they are of order 1, the best matrices as well."""
        matrices = [each for each in self.trials if each.dim > 1]
        if self.best.dim > 1 or not matrices:
            return [self.best]
        return [self.best, min(matrices, key=lambda each: self.trials[each].loss)]

    def _line(self) -> Settings | None:
        """The best linear model that was judged."""
        lines = [each for each in self.trials if is_line(each)]
        return min(lines, key=lambda each: self.trials[each].loss, default=None)

    def _tell(self, done: float, stages: int) -> None:
        least = min(each.loss for each in self.trials.values())
        self.context.tell("choosing", done / stages, 0, 0, 0, least)

    def _note(self) -> None:
        if self.context.budget is not None and not self.context.stopped:
            self.notes = (pace.unjudged(len(self.trials)),)

    def _judge(self, candidate: Settings, ends: Ends | None, steps: float, few: bool) -> None:
        """Validate a candidate by fits from the ends of others, or from the usual starts."""
        context, known = self.context, self.trials.get(candidate)
        end = pace.until(self.problem, self.trials)
        if context.interrupted or context.is_over(end):
            raise TimeUp
        begun = context.seconds
        pairs = zip(self.folds, ends or [None] * len(self.folds), strict=True)
        judged: list[Judged] = [
            judge(fold, candidate, self.neurons, ends=own, until=end, steps=steps, few=few)
            for fold, own in pairs
        ]
        values = np.concatenate([each.values for each in judged], axis=1)
        members = _FORETOLD if is_fast(self.problem) else candidate.members
        loss = average_loss(self.problem.loss, values, self.hidden, members)
        took = context.seconds - begun + (known.seconds if known else 0.0)
        self.trials[candidate] = Trial(loss, values.mean(0), [each.ends for each in judged], took)

    def _halve(self, candidates: list[Settings], number: int, stages: int) -> None:
        """Successive halving, if it is payable; what was judged on the way stays if time is up.

        After the first steps penalties differ little: the first rung judges one for all, and the
        others go on from there.
        """
        known, left = self._fittable(), self.context.left(pace.until(self.problem, self.trials))
        if self.problem.information < SOME and not pace.is_payable(candidates, known, left):
            self._note()
            return
        kept = self.best if is_fast(self.problem) else None
        alike: dict[Settings, list[Settings]] = {}
        for each in [each for each in candidates if each not in self.trials]:
            alike.setdefault(each._replace(penalty=0.0), []).append(each)
        candidates = [first for first, *_ in alike.values()]
        begun: dict[Settings, Trial] = {}
        for rung, (steps, few) in enumerate(_RUNGS):
            few = few and self.problem.information >= SOME
            for place, candidate in enumerate(candidates):
                known = begun.get(candidate)
                self._judge(candidate, known and known.ends, steps, few)
                self._tell(number + (rung + (place + 1) / len(candidates)) / len(_RUNGS), stages)
            if rung + 1 < len(_RUNGS):
                ranked = sorted(candidates, key=lambda each: self.trials[each].loss)
                half = -(-len(ranked) // 2)
                candidates = ranked[:half] + [each for each in ranked[half:] if each == kept]
                for each in set(ranked) - set(candidates):
                    del self.trials[each]
            begun = {each: self.trials[each] for each in candidates}
            if not rung:
                for first in candidates:
                    begun |= dict.fromkeys(alike[first._replace(penalty=0.0)], self.trials[first])
                candidates = list(begun)

    def _shares(self, known: list[Settings], members: int) -> tuple[list[Settings], np.ndarray]:
        """Candidates near the best, and their parts of the best average."""
        trials = self.trials
        least = min(trials[each].loss for each in known)
        near = least + _NEAR * abs(least)
        known = [each for each in known if trials[each].loss <= near or is_line(each)]
        if members == 1:
            found = self.lowest(known)
            return known, 1.0 * np.array([each == found for each in known])
        values = np.stack([trials[each].values for each in known])
        rng = self.context.rng("ensemble")
        return known, ensemble.shares(self.problem.loss, values, self.hidden, rng)
