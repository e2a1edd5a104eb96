"""Errors about options of a fit, in the parameters of an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eigcore.errors import Dialect, InvalidFit
from eigcore.estimators.parameters import DIFFERENT


class Estimators(Dialect):
    """Writes options as parameters of an estimator."""

    _names: Mapping[str, str] = {
        option: parameter for parameter, each in DIFFERENT.items() for option in each.of[:2]
    } | {
        "neuron": "the neuron",
        "early_stopping": "early_stopping",
        "part": "validation_fraction",
        "steps": "n_iter_no_change",
        "tolerance": "tol",
        "weights": "sample_weight",
    }
    _instead: Mapping[str, str] = {
        "drop_columns": "Leave the column out of X",
        "drop_rows_without_target": "Leave those rows out",
        "classes": "Pass classes=[...] to the first partial_fit",
    }

    def name(self, option: str) -> str:
        """See `Dialect.name`."""
        return self._names.get(option, option)

    def advice(self, option: str, example: Any, purpose: str = "") -> str:
        """See `Dialect.advice`."""
        if option in self._instead:
            return self._instead[option]
        if option == "neuron" and example is not None:
            given = {key: value for key, value in example.items() if key in DIFFERENT}
            more = {key: value for key, value in example.items() if key not in DIFFERENT}
            given |= {"functional_params": more} if more else {}
            return "Write " + ", ".join(f"{key}={value!r}" for key, value in given.items())
        if option in ("increasing", "decreasing") and example is not None:
            example = _signed(option, example)
        return super().advice(option, example, purpose)

    def written(self, option: str, value: Any) -> str:
        """See `Dialect.written`."""
        if option in ("increasing", "decreasing"):
            value = _signed(option, value)
        return super().written(option, value)


def _signed(option: str, names: Iterable[str]) -> dict[str, int]:
    """Return the monotone columns as the parameter `monotone` has them."""
    return dict.fromkeys(names, 1 if option == "increasing" else -1)


@contextmanager
def in_own_words() -> Iterator[None]:
    """Let errors about options of a fit speak of parameters."""
    try:
        yield
    except InvalidFit as exc:
        exc.dialect = Estimators()
        raise
