"""What a model can say about itself: guarantees, proofs, explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eigcore.guarantees.bounds import Bounds
from eigcore.guarantees.explaining import Explaining

if TYPE_CHECKING:
    from eigcore.guarantees.certificate import Certificate
    from eigcore.guarantees.proof import Proof
    from eigcore.portable.description import Described


class Guaranteed(Bounds, Explaining):
    """The methods of `eigcore.SpectralModel` that this room supplies."""

    @property
    def feature_norms(self: Described) -> dict[str, float]:
        """Column name -> largest possible |slope| of the decision, certified.

        In units of the target per unit of the column: max_b ‖S_b‖₂ (math.md, sections 2b and 5),
        averaged over the members; for categories, the largest change from one level to another.
        """
        from eigcore.guarantees.certificate import feature_norms

        return feature_norms(self)

    def certify(self: Described, **options: Any) -> Certificate:
        """Return the guarantees; see `eigcore.guarantees.certificate.certify` for the options."""
        from eigcore.guarantees.certificate import certify

        return certify(self, **options)

    def rounding(self: Described, x: Any, dtype: str = "float64") -> np.ndarray:
        """Bound how far predictions in a dtype are from the real function.

        See `eigcore.guarantees.evaluation.rounding`.
        """
        from eigcore.guarantees.evaluation import rounding

        return rounding(self, x, dtype)

    def prove(self: Described, **options: Any) -> Proof:
        """Return the guarantees with witnesses that a small program checks exactly.

        See `eigcore.guarantees.proof.prove` for the options.
        """
        from eigcore.guarantees.proof import prove

        return prove(self, self.to_bytes(), **options)
