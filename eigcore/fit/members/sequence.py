"""Fit the members of a model one after another, and put them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from eigcore.fit.data.covariance import KEPT
from eigcore.fit.data.several import ends_of
from eigcore.fit.losses import Scaling
from eigcore.fit.members import initialisation
from eigcore.fit.members.design import Design, Member
from eigcore.fit.members.guess import first_guess
from eigcore.fit.members.member import Settings, begin, fit_member, piece_counts
from eigcore.fit.members.moving import Neuron, moved
from eigcore.fit.origin import provenance
from eigcore.fit.problem import Problem
from eigcore.fit.solvers.lbfgs import Solution
from eigcore.fit.units import KEY, in_own_units
from eigcore.model import SpectralModel

_NEARLY = 1.1
"""A member that was cut short is kept up to this multiple of the best objective."""


class Fitted(NamedTuple):
    """A member in the shared encoding, and how it was fitted.

    solution : result of the solver; None for an additive model without a descent
    pieces : largest number per column
    """

    member: Member
    settings: Settings
    pieces: int
    solution: Solution | None


class Ensemble(NamedTuple):
    """Members of one model; ``ended`` holds the solutions of all descents, kept or not."""

    problem: Problem
    members: list[Fitted]
    ended: list[Solution]

    @property
    def settings(self) -> list[Settings]:
        """Settings of each member."""
        return [each.settings._replace(members=len(self.members)) for each in self.members]

    def model(self) -> SpectralModel:
        """Build the model of the members."""
        problem, target = self.problem, self.problem.target
        pieces = [each.pieces for each in self.members]
        told = provenance(problem, self.settings, pieces)
        scaling = target.scaling
        if target.names:
            told[KEY] = {name: each.tolist() for name, each in scaling._asdict().items()}
            scaling = Scaling(1.0, 0.0)
        found = SpectralModel(
            problem.encoding,
            members=tuple(each.member for each in self.members),
            target_scale=scaling.scale,
            target_offset=scaling.offset,
            link=target.loss.link,
            target_name=target.name,
            classes=target.classes,
            clip=ends_of(problem.options, target.name, target.names),
            targets=target.names,
            provenance=told,
        )
        return in_own_units(found)


Neurons = Mapping[Settings, Sequence[Neuron]]
"""Neurons that some members may start from, by their settings."""


def fit_members(
    problem: Problem, plan: Sequence[Settings], neurons: Neurons = MappingProxyType({})
) -> Ensemble:
    """Fit members with the settings given; return at least one, even after Ctrl-C.

    Returns the members with the problem in their shared encoding.
    """
    context, sizes = problem.context, piece_counts(plan)
    problem = problem.encoded(max(sizes))
    designs: dict[int, Design] = {}
    found: list[Fitted] = []
    ended: list[Solution] = []
    took = 0.0
    try:
        for number, (settings, pieces) in enumerate(zip(plan, sizes, strict=True)):
            since = context.seconds
            if context.interrupted or (found and (context.stopped or context.left() < 0.5 * took)):
                break
            design = designs.get(pieces) or Design(problem, max(pieces, 1))
            if len(set(sizes)) * problem.moments.covariance.size <= KEPT:
                designs[pieces] = design
            start = _start(design, settings, neurons, plan[:number].count(settings))
            begun = start is not None
            solution, coordinates = fit_member(design, settings, number, start, begun=begun)
            context.interrupted |= solution.reason == "interrupted"
            ended.append(solution)
            if _counts(solution, found):
                member = design.member(coordinates, solution.x)
                found.append(Fitted(member, settings, max(pieces, 1), solution))
            took = context.seconds - since
    except KeyboardInterrupt:
        context.interrupted = True
    return Ensemble(problem, found or [_additive(problem, plan[0], max(sizes[0], 1))], ended)


def _start(design: Design, settings: Settings, neurons: Neurons, number: int) -> np.ndarray | None:
    """Return the vector of a neuron with the same settings and as many pieces, if there is one."""
    known = neurons.get(settings, ())
    return moved(known[number], design, settings.dim) if number < len(known) else None


def _counts(solution: Solution, others: Sequence[Fitted]) -> bool:
    """Whether to keep a member: an interrupted one only if it is nearly as good."""
    best = min((each.solution.value for each in others if each.solution), default=np.inf)
    return solution.reason != "interrupted" or solution.value <= _NEARLY * best


def _additive(problem: Problem, settings: Settings, pieces: int) -> Fitted:
    """Return the additive model, for Ctrl-C before the first descent."""
    design = Design(problem, pieces)
    coordinates = design.parametrisation(settings.dim)
    p = first_guess(design, coordinates, settings.penalty)
    start = begin(initialisation.gapped, coordinates, p, problem.context.rng("start"))
    return Fitted(design.member(coordinates, start), settings, pieces, None)
