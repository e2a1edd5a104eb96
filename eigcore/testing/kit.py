"""Laws, checks, and the functions with which laws use a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from eigcore.core import packing, rules
from eigcore.core.rules import Rule
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.errors import InvalidInput
from eigcore.testing.cases import WHOLE, Case, Matrices

Law = Callable[[Any, Any], None]
_laws: dict[str, tuple[Law, tuple[Case, ...], tuple[str, ...]]] = {}


def all_laws() -> dict[str, tuple[Law, tuple[Case, ...], tuple[str, ...]]]:
    """Return name -> the law, its cases, and the capabilities that it requires."""
    import_module("eigcore.testing.laws")  # this registers them
    return dict(_laws)


def law(*groups: Iterable[Case], needs: tuple[str, ...] = ()) -> Callable[[Law], Law]:
    """Register a function ``(backend, case)`` that raises AssertionError if the law is broken."""

    def register(function: Law) -> Law:
        name = function.__name__
        _laws[name] = function, tuple(case for group in groups for case in group), needs
        return function

    return register


@dataclass(frozen=True)
class Check:
    """One law on one case, for one backend; call it.

    Parameters
    ----------
    backend : Backend
    law : callable
    case : Case
    skip : str
        Why the law does not apply to this backend; empty if it does.
    known : str
        Why the check is known to fail; empty if it is not.
    """

    backend: Backend
    law: Law
    case: Case
    skip: str = ""
    known: str = ""

    @property
    def __name__(self) -> str:
        """The law and the case, as pytest shows them."""
        return f"{self.law.__name__}[{self.case.label}]"

    def __repr__(self) -> str:
        return f"{self.backend.name}: {self.__name__}"

    def __call__(self) -> None:
        """Run the law; skip, mark a known failure with xfail, or raise AssertionError."""
        if not (self.skip or self.known):
            return self.law(self.backend, self.case)
        import pytest

        if self.skip:
            pytest.skip(self.skip)
        try:
            self.law(self.backend, self.case)
        except Exception:
            pytest.xfail(self.known)
        raise AssertionError(
            f"{self!r} is listed in known_failures ({self.known}), but holds. Remove it from there."
        )


def checks(backend: str | Backend, known_failures: Mapping[str, str] | None = None) -> list[Check]:
    """Return every law on every case as callables for one backend.

    Parameters
    ----------
    backend : str or Backend
        A name as for `eigcore.get_backend`, or the backend itself.
    known_failures : mapping, optional
        Maps the name of a law, or of one check as pytest shows it, to the reason with a link. The
        list is strict: a listed check that holds counts as failed. Checks of the backend as a whole
        cannot be listed.

    Returns
    -------
    list of Check
        For ``pytest.mark.parametrize``; the first is the preflight. Checks that need anything the
        backend does not declare in its `Capabilities`, or reports as `switched_off`, are skipped
        with that reason. If this skips everything, checks that are never skipped fail.

    Raises
    ------
    BackendUnavailable
        If the backend cannot be loaded.
    InvalidInput
        If `known_failures` has an unknown name, or names a check of the backend as a whole.

    Examples
    --------
    >>> for check in checks("numpy")[:3]:
    ...     check()
    """
    chosen, known = get_backend(backend), dict(known_failures or {})
    off = {name: chosen.switched_off(name) for name in chosen.capabilities.dtypes}
    result = []
    for function, cases, needs in all_laws().values():
        for case in cases:
            bare = Check(chosen, function, case)
            reason = known.get(bare.__name__, known.get(function.__name__, ""))
            skip = undeclared(chosen, case, needs) or off.get(case.dtype, "")
            result.append(Check(chosen, function, case, skip, reason))
    for check in result:
        if check.known and check.case in WHOLE:
            raise InvalidInput(
                f"known_failures names {check.law.__name__!r}, which all other checks depend on. "
                "Expected names of laws about single cases. Remove it from the list."
            )
    strangers = set(known) - set(_laws) - {check.__name__ for check in result}
    if strangers:
        raise InvalidInput(
            f"known_failures names {sorted(strangers)[0]!r}, which is neither a law nor a check. "
            "Expected a name that eigcore.testing.all_laws() has, or one that pytest shows. "
            "Type: pytest --collect-only"
        )
    return sorted(result, key=lambda check: check.case not in WHOLE)  # the preflight is the first


def undeclared(backend: Backend, case: Case, needs: tuple[str, ...] = ()) -> str:
    """Return what a backend must yet declare for this case; empty if nothing."""
    own = backend.capabilities
    missing = [f"{need}=True" for need in needs if not getattr(own, need)]
    if case in WHOLE:
        return ""
    if case.dtype not in own.dtypes:
        missing.append(f"dtype {case.dtype}")
    if case.structure not in own.structures:
        missing.append(f"structure {case.structure}")
    return f'backend "{backend.name}" does not declare {", ".join(missing)}' if missing else ""


# -- arrays in, numbers out


def put(backend: Backend, a: np.ndarray, dtype: str) -> Any:
    """Return a NumPy array as an array of the backend."""
    return backend.asarray(a, dtype=dtype)


def host(backend: Backend, a: Any) -> np.ndarray:
    """Return an array of the backend as float64 in NumPy, complex128 if it is complex."""
    if backend.dtype_name(a) in ("float16", "bfloat16"):
        a = backend.asarray(a, dtype="float32")
    own = np.asarray(backend.to_numpy(a))
    return own.astype(np.result_type(own, np.float64), copy=False)


def value_and_gradient(backend: Backend, rule: Rule, p: Any) -> tuple[Any, Any]:
    """Apply the rule itself, as every backend can: (..., K) -> (...), (..., K)."""
    return backend.call(_value_and_gradient, (rule,), p)


def _value_and_gradient(backend: Backend, rule: Rule, p: Any) -> tuple[Any, Any]:
    return rule.value_and_gradient(backend, p)


def kth_gradient(backend: Backend, case: Matrices, k: int, phi: Any = None) -> np.ndarray:
    """Return ∂f/∂M by the rule: (..., d, d); f is λ_k, or φ if it is given."""
    rule = rules.kth_rule("square", case.d, k)
    if phi is not None:
        rule = rules.Rule(packing.square(case.d), phi)
    return host(backend, value_and_gradient(backend, rule, put(backend, case.M, case.dtype))[1])


def gap_of(case: Matrices, k: int) -> np.ndarray:
    """Return the gap of λ_k, or 1 if there is no other eigenvalue: (...)."""
    off = abs(np.delete(case.lam, k, axis=-1) - case.lam[..., k : k + 1])
    return off.min(-1) if off.shape[-1] else np.ones(case.batch)
