"""Everything eigcore raises on purpose.

A message has three parts: what happened, what was expected, what to type next.
"""


class EigcoreError(Exception):
    """Base class of all errors raised by eigcore."""


class InvalidSpec(EigcoreError, ValueError):
    """A model description that contradicts itself."""


class InvalidInput(EigcoreError, ValueError):
    """Arrays or tables whose shape, type or content does not fit the model."""


class NonFiniteInput(InvalidInput):
    """Rows with NaN or infinity in an eager call."""


class NotSupported(EigcoreError, NotImplementedError):
    """A request that the chosen backend declares it cannot serve."""


class NotDifferentiable(EigcoreError, ArithmeticError):
    """A derivative that does not exist at the given point, or an order nobody implements."""


class BackendUnavailable(EigcoreError, ImportError):
    """A backend that is missing, broken, misnamed, duplicated, too old or too new."""


class ModelFileError(EigcoreError, ValueError):
    """A model file that is truncated, edited, foreign or of a newer format."""
