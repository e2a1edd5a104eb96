"""The context of a fit: its clock, and what the callback hears."""

from __future__ import annotations

import pytest

from eigcore.fit.context import Context


class Clock:
    """A clock that stands still between the calls of a test."""

    now = 0.0

    def __call__(self):
        return self.now


def timed(**options):
    clock = Clock()
    return Context("numpy", clock=clock, **options), clock


@pytest.mark.parametrize(("seconds", "part", "over"), [(2.6, 0.3, False), (2.8, 0.3, True)])
def test_a_part_of_the_budget_ends(seconds, part, over):
    context, clock = timed(budget=10.0)
    clock.now = seconds
    assert context.is_over(part) == over
    assert not context.is_over()


def test_a_silent_second_repeats_the_last_progress():
    heard = []
    context, clock = timed(callback=heard.append)
    assert not context.is_over()
    context.tell("choosing", 0.5, 0, 0, 0, 1.0)
    for now in (0.5, 0.9, 1.1, 1.5, 2.2):
        clock.now = now
        assert not context.is_over()
    assert [each.fraction for each in heard] == [0.5] * 3


def test_a_callback_that_ends_the_fit_is_heard_between_its_steps():
    context, clock = timed(callback=lambda step: clock.now > 1.0)
    context.tell("choosing", 0.0, 0, 0, 0, 1.0)
    clock.now = 1.1
    assert context.is_over()
    assert context.stopped
