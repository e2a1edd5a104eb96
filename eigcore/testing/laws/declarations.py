"""Laws of declarations. No declaration can skip those about the backend as a whole."""

from __future__ import annotations

import numpy as np

from eigcore.testing.cases import WHOLE, Case
from eigcore.testing.kit import checks, law
from eigcore.testing.preflight import preflight
from eigcore.testing.tolerance import holds

COMPUTED = ("float64", "float32")
"""The element types that `Backend.eigenpairs` receives."""

ASARRAY = tuple(Case("asarray", dtype) for dtype in (*COMPUTED, "float16", "bfloat16"))


@law(WHOLE)
def the_preflight_finds_nothing(backend, case):
    """Array functions, dtypes, the form of eigenpairs, the gradient of a 2 by 2 matrix."""
    found = preflight(backend)
    holds(not found, "\n".join(found))


@law(WHOLE)
def something_is_declared(backend, case):
    """float64 or float32 and a structure are declared; otherwise all laws would be skipped."""
    own = backend.capabilities
    holds(
        set(own.dtypes) & set(COMPUTED),
        f"dtypes is {own.dtypes!r}, but should contain float64 or float32, which eigenpairs gets.",
    )
    holds(own.structures, "structures is empty, but should contain what works, such as 'dense'.")


@law(ASARRAY)
def a_declared_dtype_comes_back(backend, case):
    """asarray(a, dtype=…) has the given dtype, and asarray(a, like=…) that of `like`."""
    first = backend.asarray(np.zeros(2), dtype=case.dtype)
    second = backend.asarray(np.zeros(2), like=first)
    for what, a in (("dtype", first), ("like", second)):
        got = backend.dtype_name(a)
        holds(
            got == case.dtype,
            f"{case.dtype} is declared, but asarray(a, {what}=…) gives {got}. If the "
            "library has it switched off in this process, Backend.switched_off should say so.",
        )


@law(WHOLE)
def only_what_is_missing_is_switched_off(backend, case):
    """`Backend.switched_off` names no dtype that asarray returns."""
    for dtype in backend.capabilities.dtypes:
        if reason := backend.switched_off(dtype):
            got = backend.dtype_name(backend.asarray(np.zeros(2), dtype=dtype))
            holds(got != dtype, f"switched_off says of {dtype}: {reason!r}; but asarray gives it.")


@law(WHOLE)
def arrays_are_of_a_declared_library(backend, case):
    """asarray gives a type of a module in `arrays`, if there is one: by it calls choose."""
    declared, kind = backend.capabilities.arrays, type(backend.asarray(np.zeros(2)))
    root = kind.__module__.split(".")[0]
    holds(
        not declared or root in declared,
        f"arrays is {declared!r}, but asarray gives {kind.__module__}.{kind.__qualname__}; "
        f"{root!r} should be among them.",
    )


@law(WHOLE)
def arrays_are_on_a_declared_device(backend, case):
    """The device of what asarray gives is of a kind in `devices`; others may not be here."""
    declared = backend.capabilities.devices
    device = str(getattr(backend.asarray(np.zeros(2)), "device", "cpu"))
    holds(
        any(kind.lower() in device.lower() for kind in declared),
        f"devices is {declared!r}, but asarray gives an array on {device!r}; a word of that, such "
        "as 'cpu' or 'cuda', should be among them.",
    )


@law(WHOLE)
def some_law_runs(backend, case):
    """At least one law is not skipped; otherwise nothing is shown."""
    laws = [c for c in checks(backend) if c.case not in (*WHOLE, *ASARRAY)]
    reasons = sorted({check.skip for check in laws})
    holds("" in reasons, f"all {len(laws)} checks are skipped, but some should run: {reasons[:3]}.")
