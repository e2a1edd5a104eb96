"""Laws of NaN and infinity: an error in eager calls, NaN for these rows in compiled ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

import eigcore
from eigcore.core import packing, rules
from eigcore.core.functionals import Functional, Kth, Smooth, Softmax, TopSum
from eigcore.errors import NonFiniteInput
from eigcore.testing.cases import ANY, Case, spread
from eigcore.testing.kit import host, law, put
from eigcore.testing.tolerance import agree, bound, holds

BAD = (np.nan, np.inf, -np.inf)


def _spoilt(case: Case, bad: float) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices (2, 3, 4, 4), and the same with rows 1 and 4 not finite."""
    M = case.rounded(spread(4, (2, 3))(case.rng()))
    M = np.tril(M) + np.tril(M, -1).mT
    spoilt = M.copy()
    spoilt[0, 1, 2, 0] = spoilt[1, 1, 3, 3] = bad
    return M, spoilt


def _refused(what: str, function: Callable[[], Any]) -> str:
    """Return the message of the NonFiniteInput that `function` must raise."""
    try:
        function()
    except NonFiniteInput as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r:.200}; should be NonFiniteInput.") from error
    raise AssertionError(f"{what} returned; should raise NonFiniteInput.")


@law(ANY)
def non_finite_in_is_never_finite_out(backend, case):
    """Eager calls raise NonFiniteInput, with the number of bad rows and the first index."""
    spec, rng = eigcore.EigSpec(2, 3), case.rng(1)
    p, x = rng.normal(size=spec.params_shape), rng.normal(size=(2, 3, 2))
    params, good_x = put(backend, p, case.dtype), put(backend, x, case.dtype)
    for bad in BAD:
        M = put(backend, _spoilt(case, bad)[1], case.dtype)
        x[0, 1, 1] = x[1, 1, 0] = bad
        rows = put(backend, x, case.dtype)
        p_bad = p.copy()
        p_bad[0, 1, 0] = bad
        broken = put(backend, p_bad, case.dtype)
        calls: dict[str, Callable[[], Any]] = {
            "kth_eigenvalue": lambda M=M: eigcore.kth_eigenvalue(M, 1, backend=backend),
            "kth_eigenpair": lambda M=M: eigcore.kth_eigenpair(M, 1, backend=backend),
            "smooth_kth_eigenvalue": lambda M=M: eigcore.smooth_kth_eigenvalue(
                M, 1, 0.5, backend=backend
            ),
            "evaluate": lambda rows=rows: eigcore.evaluate(spec, params, rows, backend=backend),
            "vjp": lambda rows=rows: eigcore.vjp(spec, params, rows, backend=backend),
        }
        for what, call in calls.items():
            message = _refused(f"{what} with {bad}", call)
            numbers = re.findall(r"\d+", message)
            holds(
                {"2", "1"} <= set(numbers),
                f"{what}: the message names {numbers}; should name 2 rows and index 1: {message}",
            )
        _refused(
            f"evaluate with {bad} in params",
            lambda broken=broken: eigcore.evaluate(spec, broken, good_x, backend=backend),
        )


@law(ANY)
def the_neighbours_of_a_non_finite_row_are_unharmed(backend, case):
    """The rule gives NaN on bad rows; they do not change the results of other rows."""
    phis: tuple[Functional, ...] = (Kth(4, 1), Smooth(4, (1, 0.5)), Softmax(4, 1.0), TopSum(4, 2))
    for bad in BAD:
        M, spoilt = _spoilt(case, bad)
        for phi in phis:
            rule = rules.Rule(packing.square(4), phi)
            good, got = (
                rule.value_and_gradient(backend, put(backend, a, case.dtype)) for a in (M, spoilt)
            )
            for what, a, b in zip(("f", "∂f/∂M"), got, good, strict=True):
                _check_rows(f"{phi.name}: {what}", case, host(backend, a), host(backend, b))


def _check_rows(what: str, case: Case, got: np.ndarray, good: np.ndarray) -> None:
    expected = good.copy()
    expected[0, 1] = expected[1, 1] = np.nan
    agree(what, got, expected, bound(4, case.dtype, 4.0))


@law(ANY, needs=("compiled",))
def compiled_non_finite_rows_are_nan_and_alone(backend, case):
    """Compiled code does not raise: bad rows are NaN, and other rows do not change."""
    spec, rng = eigcore.EigSpec(2, 4), case.rng(1)
    params = put(backend, rng.normal(size=spec.params_shape), case.dtype)
    x = case.rounded(rng.normal(size=(2, 3, 2)))
    good = host(
        backend, eigcore.evaluate(spec, params, put(backend, x, case.dtype), backend=backend)
    )

    def model(p: Any, x: Any) -> Any:
        return eigcore.evaluate(spec, p, x, backend=backend)

    compiled = backend.compiled(model)
    for bad in BAD:
        x[0, 1, 1] = x[1, 1, 0] = bad
        got = host(backend, compiled(params, put(backend, x, case.dtype)))
        _check_rows(f"compiled f with {bad}", case, got, good)
