"""Everything eigcore raises on purpose.

A message has three parts: what happened, what was expected, what to type next. An error about an
option of a fit stores these parts, so that Python, the command and the estimators each phrase it
with their own name of the option (`Dialect`).
"""

from __future__ import annotations

import numbers
import shlex
from collections.abc import Mapping
from typing import Any


class EigcoreError(Exception):
    """Base class of all errors raised by eigcore."""


class InvalidSpec(EigcoreError, ValueError):
    """A model description that contradicts itself."""


class InvalidInput(EigcoreError, ValueError):
    """Arrays or tables whose shape, type or content does not fit the model."""


class NonFiniteInput(InvalidInput):
    """Rows with NaN or infinity in an eager call."""


class UnseenLevels(UserWarning):
    """Cells of a table that hold levels never seen in the fitted rows."""


class OutsideRange(UserWarning):
    """Rows outside the range of the fitted rows carry much of an error."""


class Unbalanced(UserWarning):
    """Predictions between the bounds of `clip` that cannot have the mean of the target."""


class NotSupported(EigcoreError, NotImplementedError):
    """A request that the chosen backend declares it cannot serve."""


class NotDifferentiable(EigcoreError, ArithmeticError):
    """A derivative that does not exist at the given point, or of an order not implemented."""


class NotConverged(EigcoreError, ArithmeticError):
    """An iteration that did not reach the accuracy that was promised."""


class BackendUnavailable(EigcoreError, ImportError):
    """A backend that is missing, broken, misnamed, duplicated, too old or too new."""


class MissingPackage(EigcoreError, ImportError):
    """A request that needs a package that is not installed."""


class LostProcess(EigcoreError, RuntimeError):
    """A process ended before the work that it shares with others was done.

    what : what happened, a clause
    """

    def __str__(self) -> str:
        return (
            f"{self.args[0]}; expected all processes until the end. Start the fit again, with any "
            "number of processes: with the option checkpoint it goes on from the last checkpoint."
        )


class ModelFileError(EigcoreError, ValueError):
    """A model file that is truncated, edited, foreign or of a newer format."""


LONGEST = 200
"""Characters of a value in a message."""


class Dialect:
    """How options are written; in this class, as parameters of Python functions."""

    nothing = " or None"
    """How "or not at all" is written, after what else may be given."""
    required: Mapping[str, str] = {
        "target": "Add the column, or pass its values: fit(table, values)"
    }
    """What to do about an option that cannot be left out, where no value can be suggested."""
    beside: Mapping[str, str] = {
        "table": "with a table in memory",
        "stream": "with a table that is read in batches",
    }
    """How the ways to read a table are written, after "cannot be used"."""

    def name(self, option: str) -> str:
        """Return the name of an option, such as ``validation``."""
        return option

    def written(self, option: str, value: Any) -> str:
        """Return a value of an option as it is written there; long ones are cut short."""
        if getattr(value, "shape", ()):
            return f"an array of shape {tuple(value.shape)}"
        shown = str(value) if isinstance(value, numbers.Number) else repr(value)
        return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} …"

    def advice(self, option: str, example: Any, purpose: str = "") -> str:
        """Return what to type, such as ``Write validation=0.2``; without an example, to omit it."""
        if example is None:
            return self.required.get(option, f"Leave {self.name(option)} out")
        return " ".join(filter(None, [f"Write {self.name(option)}={example!r}", purpose]))


class InvalidFit(InvalidInput):
    """A fit that cannot begin, and the option to change.

    Attributes
    ----------
    option, example : name of an option of `eigcore.fit.fit`, and a valid value; None: to leave the
        option out
    dialect : Dialect
        The wording. The command and the estimators set their own before they pass an error on.
    """

    option: str
    example: Any
    dialect = Dialect()

    def told(self, dialect: Dialect) -> str:
        """Return the message in the wording of a dialect."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.told(self.dialect)


class InvalidOption(InvalidFit):
    """An option with an invalid value or name: wrong usage, not a bad table.

    Parameters
    ----------
    option, value : name of the option, and the value given
    expected : the valid values, to follow "expected"
    example : a valid value; None: to leave the option out
    problem : what is wrong, to follow the name of the option; None: "is VALUE"
    optional : whether None is valid too
    """

    def __init__(
        self,
        option: str,
        value: Any,
        expected: str,
        example: Any = None,
        problem: str | None = None,
        optional: bool = False,
    ):
        super().__init__(option, value, expected, example, problem, optional)
        self.option, self.value, self.expected = option, value, expected
        self.example, self.problem, self.optional = example, problem, optional

    def told(self, dialect: Dialect) -> str:
        """See `InvalidFit.told`."""
        problem = self.problem or f"is {dialect.written(self.option, self.value)}"
        expected = self.expected + (dialect.nothing if self.optional else "")
        advice = dialect.advice(self.option, self.example)
        return f"{dialect.name(self.option)} {problem}; expected {expected}. {advice}."


class MisplacedOption(InvalidOption):
    """An option that this way to read a table does not have.

    Parameters
    ----------
    option, value : name of the option, and the value given
    where : the way, a key of `Dialect.beside`
    """

    def __init__(self, option: str, value: Any, where: str):
        super().__init__(option, value, "nothing")
        self.where = where

    def told(self, dialect: Dialect) -> str:
        """See `InvalidFit.told`."""
        advice = dialect.advice(self.option, self.example)
        return f"{dialect.name(self.option)} cannot be used {dialect.beside[self.where]}. {advice}."


class InvalidTable(InvalidFit):
    """A table that cannot be fitted with these options, though it can with another one.

    Parameters
    ----------
    what : what was found and what was expected, in one or more sentences
    option, example : the option that helps, and a value for it
    purpose : the effect of that option, such as "to leave the column out"; may be empty
    """

    def __init__(self, what: str, option: str, example: Any, purpose: str = ""):
        super().__init__(what, option, example, purpose)
        self.what, self.option, self.example, self.purpose = what, option, example, purpose

    def told(self, dialect: Dialect) -> str:
        """See `InvalidFit.told`."""
        return f"{self.what} {dialect.advice(self.option, self.example, self.purpose)}."


class MissingCells(InvalidTable, NonFiniteInput):
    """Missing cells of a column that had none when the model was fitted."""


class OtherRun(InvalidFit):
    """A checkpoint that a fit of other data, or with other options, wrote.

    Parameters
    ----------
    path : of the checkpoint
    other_data : whether the data differ
    differing : options that differ, by name: their value then, and now
    """

    option, example = "checkpoint", None

    def __init__(self, path: str, other_data: bool, differing: Mapping[str, tuple[Any, Any]]):
        super().__init__(path, other_data, differing)
        self.path, self.other_data, self.differing = path, other_data, differing

    def told(self, dialect: Dialect) -> str:
        """See `InvalidFit.told`."""
        found = ["other data"] if self.other_data else []
        for name, (then, now) in self.differing.items():
            then, now = dialect.written(name, then), dialect.written(name, now)
            found.append(f"{dialect.name(name)} {then}, not {now}")
        return (
            f"{dialect.name(self.option)} is {self.path!r}, of another run: {'; '.join(found)}; "
            "expected the data and options it was begun with. Name another file, or remove this "
            f"one: rm {shlex.quote(self.path)}"
        )


class UnusableBackend(InvalidFit, BackendUnavailable):
    """A backend that was named and cannot be had.

    Parameters
    ----------
    name : as it was given
    what : why not, one or more sentences
    """

    option, example = "backend", "numpy"

    def __init__(self, name: str, what: str):
        super().__init__(name, what)
        self.backend, self.what = name, what

    def told(self, dialect: Dialect) -> str:
        """See `InvalidFit.told`."""
        written = dialect.written(self.option, self.backend)
        return f"{dialect.name(self.option)} is {written}. {self.what}"
