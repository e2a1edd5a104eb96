"""The laws bite: every backend that is wrong on purpose is rejected by the law it names."""

import pytest

import eigcore
from eigcore import testing
from eigcore.dispatch.registry import required
from eigcore.errors import BackendUnavailable
from eigcore.testing.broken import BROKEN
from eigcore.testing.malformed import MALFORMED
from eigcore.testing.wrapped import Wrapped

DESIGN = {
    "DescendingOrder",
    "NeighboursVector",
    "Unnormalised",
    "FirstEntryRepeated",
    "HalvedGradient",
    "DroppedCotangent",
    "SilentSecondOrder",
    "Float32Inside",
    "JitterAtTies",
}


def good(name):
    try:
        return eigcore.get_backend(name)
    except BackendUnavailable as error:
        if name in set(required()):
            raise
        pytest.skip(str(error))


def verdicts(backend, law):
    """Return the failures of the checks of one law: name of the case -> message."""
    failures = {}
    for check in testing.checks(backend):
        if check.law.__name__ == law and not check.skip:
            try:
                check()
            except AssertionError as error:
                failures[check.case.label] = str(error)
    return failures


def test_the_nine_of_the_design_are_there():
    assert {kind.__name__ for kind in BROKEN} >= DESIGN


@pytest.mark.parametrize("kind", [*BROKEN, *MALFORMED], ids=lambda kind: kind.__name__)
def test_is_rejected_by_the_law_it_names(kind):
    backend = good(kind.wraps)
    assert kind.rejected_by in testing.all_laws()
    failures = verdicts(kind(backend), kind.rejected_by)
    assert failures, f"{kind.__name__} passes {kind.rejected_by}"
    assert not verdicts(backend, kind.rejected_by)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_wrapping_alone_breaks_no_law(name):
    backend = Wrapped(good(name))
    for check in testing.checks(backend):
        if "compiled" not in check.law.__name__ and not check.skip:
            check()


class JaxDroppedCotangent(Wrapped):
    def differentiable(self, rule):
        import jax

        @jax.custom_vjp
        def value(p):
            return rule.value(self.good, p)

        value.defvjp(
            lambda p: rule.value_and_gradient(self.good, p), lambda gradient, g: (gradient,)
        )
        return value


class JaxSilentSecondOrder(Wrapped):
    def differentiable(self, rule):
        from jax.lax import stop_gradient

        def value(p):
            known, gradient = rule.value_and_gradient(self.good, stop_gradient(p))
            return known + (gradient * (p - stop_gradient(p))).sum(-1)

        return value


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (JaxDroppedCotangent, "autodiff_agrees_with_the_rule_under_a_random_cotangent"),
        (JaxSilentSecondOrder, "second_order_is_right_or_raises"),
    ],
)
def test_jax_is_rejected_too(kind, law):
    backend = kind(good("jax"))
    checks = [c for c in testing.checks(backend) if c.law.__name__ == law]
    checks = [
        c
        for c in checks
        if c.case.label.startswith(("kth, dense, float64", "softmax, dense, float64"))
    ]
    assert checks
    for check in checks:
        with pytest.raises(AssertionError, match="should be"):
            check()
