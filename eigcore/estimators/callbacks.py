"""Callbacks of a fit: the estimator's own callable, and scikit-learn's (since 1.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eigcore.fit import Progress

try:
    from sklearn import callback as protocol
except ImportError:  # scikit-learn before 1.9
    protocol: Any = None


class _NoCallbacks:
    """In place of scikit-learn's mixin; `object` cannot stand before other base classes."""


CallbackSupport: Any = _NoCallbacks if protocol is None else protocol.CallbackSupportMixin
"""Base class of estimators to which callbacks can be given with `set_callbacks`."""


def managed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate `fit`: callbacks are told when it ends, even after an error."""
    return method if protocol is None else protocol.with_callbacks(method)


class Callbacks:
    """Passes the steps of one fit to all callbacks; see `eigcore.fit.fit` for ``callback``.

    For the callbacks of scikit-learn, every step is a task named "choosing" or "fitting", with the
    fields of Progress as metadata. They get the fitted estimator at the end of the whole fit.
    """

    def __init__(self, estimator: Any, X: Any, y: Any):
        self.estimator, self.data = estimator, {"X": X, "y": y}
        self.context: Any = None
        self.last: Progress | None = None
        if protocol is not None and hasattr(estimator, "_skl_callbacks"):
            self.context = estimator._init_callback_context(max_subtasks=None)

    def __enter__(self) -> Callbacks:
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self.context is not None and kind is None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self.data
            )

    def __call__(self, step: Progress) -> bool:
        """Pass a step to all callbacks; returning True ends the fit."""
        own = self.estimator.callback
        ended = bool(own(step)) if own is not None else False
        new = step.value == step.value and step != self.last
        self.last = step
        if self.context is None or not new:  # the beginning of a fit, or a silent second
            return ended
        task = self.context.subcontext(task_name=step.stage)
        told = {"estimator": self.estimator, "metadata": step._asdict()}
        task.call_on_fit_task_begin(**told)
        return bool(task.call_on_fit_task_end(**told)) or ended
