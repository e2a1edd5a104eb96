"""The methods of a model that explain it; each calls the module responsible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, overload

from eigcore.portable.description import Described

if TYPE_CHECKING:
    from typing import Self

    import numpy as np

    from eigcore.guarantees.contributions import Contributions
    from eigcore.guarantees.counterfactual import Counterfactual
    from eigcore.guarantees.curve import Curve
    from eigcore.guarantees.explanation import Explanation
    from eigcore.guarantees.readings import Game
    from eigcore.guarantees.spectrum import Spectrum


class Explaining:
    """The methods of `eigcore.SpectralModel` that explain it."""

    @overload
    def explain(self: Described, X: Any, baseline: None = None) -> Explanation: ...

    @overload
    def explain(
        self: Described,
        X: Any,
        baseline: Any,
        method: Literal["shapley", "integrated"] = "shapley",
        **options: Any,
    ) -> Contributions: ...

    def explain(
        self: Described, X: Any, baseline: Any = None, method: str = "shapley", **options: Any
    ) -> Explanation | Contributions:
        """Return what each column contributes to the decision of each row.

        Parameters
        ----------
        X : table
            See `Encoding.table`.
        baseline : row, table, or {"mean", "highest", "lowest"}, optional
            What a row is compared with; see `eigcore.guarantees.contributions.contributions`, also
            for `method` and further options. Without a baseline you get the local split, slopes
            and gaps (`eigcore.guarantees.explanation.explain`), which depend on the origin of each
            column.

        Returns
        -------
        Contributions; Explanation without a baseline
        """
        from eigcore.guarantees import contributions, explanation

        if baseline is None:
            return explanation.explain(self, X, **options)
        return contributions.contributions(self, X, baseline, method, **options)

    def interactions(self: Described, X: Any, baseline: Any, **options: Any) -> np.ndarray:
        """Return what pairs of columns contribute together: (rows, [outputs], columns, columns).

        See `eigcore.guarantees.contributions.interactions`.
        """
        from eigcore.guarantees.contributions import interactions

        return interactions(self, X, baseline, **options)

    def curve(self: Described, column: str, at: Any = None, **options: Any) -> Curve:
        """Return the decision along one column, the others as in a row or in each row of a table.

        See `eigcore.guarantees.curve.curve`.
        """
        from eigcore.guarantees.curve import curve

        return curve(self, column, at, **options)

    def spectrum(self: Described, column: str, at: Any = None, **options: Any) -> Spectrum:
        """Return all eigenvalues of one member along one column.

        See `eigcore.guarantees.spectrum.spectrum`.
        """
        from eigcore.guarantees.spectrum import spectrum

        return spectrum(self, column, at, **options)

    def counterfactual(
        self: Described, x: Any, target: Any = None, **options: Any
    ) -> Counterfactual:
        """Return the least change of some columns that moves a prediction across a threshold.

        See `eigcore.guarantees.counterfactual.counterfactual`.
        """
        from eigcore.guarantees.counterfactual import counterfactual

        return counterfactual(self, x, target, **options)

    def game(self: Described, x: Any) -> Game:
        """Read the decision of a row as the outcome of a game between two players.

        See `eigcore.guarantees.readings.game`.
        """
        from eigcore.guarantees.readings import game

        return game(self, x)

    def convex_parts(self) -> tuple[Self, Self]:
        """Return two models, convex in the matrices, whose difference is this model.

        See `eigcore.guarantees.readings.convex_parts`.
        """
        from eigcore.guarantees.readings import convex_parts

        return convex_parts(cast(Any, self))
