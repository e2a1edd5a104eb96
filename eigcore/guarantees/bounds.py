"""The methods of a model that prove something; each calls the module responsible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from eigcore.guarantees.bands import Dominance, Interaction, SlopeBands
    from eigcore.guarantees.changes import Change
    from eigcore.guarantees.optimum import Optimum, Range
    from eigcore.guarantees.radius import Ball


class Bounds:
    """Bounds over domains and of changes, for `eigcore.SpectralModel`."""

    def range(self, domain: Mapping[str, Any] | None = None, **options: Any) -> Range:
        """Return proven ends of the decision and the prediction over a domain.

        See `eigcore.guarantees.optimum.value_range`.
        """
        from eigcore.guarantees.optimum import value_range

        return value_range(cast(Any, self), domain, **options)

    def minimize(self, bounds: Mapping[str, Any] | None = None, **options: Any) -> Optimum:
        """Find the smallest decision over a domain; see `eigcore.guarantees.optimum.optimum`."""
        from eigcore.guarantees.optimum import optimum

        return optimum(cast(Any, self), "minimum", bounds, **options)

    def maximize(self, bounds: Mapping[str, Any] | None = None, **options: Any) -> Optimum:
        """Find the largest decision over a domain; see `eigcore.guarantees.optimum.optimum`."""
        from eigcore.guarantees.optimum import optimum

        return optimum(cast(Any, self), "maximum", bounds, **options)

    def difference(
        self, other: Any, domain: Mapping[str, Any] | None = None, **options: Any
    ) -> Range:
        """Bound this decision minus another's; see `eigcore.guarantees.optimum.difference`."""
        from eigcore.guarantees.optimum import difference

        return difference(cast(Any, self), other, domain, **options)

    def change(
        self,
        column: str,
        start: Any,
        end: Any,
        domain: Mapping[str, Any] | None = None,
        **limits: Any,
    ) -> Change:
        """Bound what a change of one column does; see `eigcore.guarantees.changes.change`."""
        from eigcore.guarantees.changes import change

        return change(cast(Any, self), column, start, end, domain, **limits)

    def largest_change(self, column: str, over: Any = None) -> Change:
        """Bound what any change of one column does; see `guarantees.largest.largest_change`."""
        from eigcore.guarantees.largest import largest_change

        return largest_change(cast(Any, self), column, over)

    def slope_bands(self, column: str) -> SlopeBands:
        """Bound the slope in a column, piece by piece; see `guarantees.bands.slope_bands`."""
        from eigcore.guarantees.bands import slope_bands

        return slope_bands(cast(Any, self), column)

    def interaction(self, column: str) -> Interaction:
        """Bound how much a column interacts with the rest; see `guarantees.bands.interaction`."""
        from eigcore.guarantees.bands import interaction

        return interaction(cast(Any, self), column)

    def dominance(self, column: str, over: str, factor: float = 1.0) -> Dominance:
        """Compare the slopes in two columns; see `eigcore.guarantees.bands.dominance`."""
        from eigcore.guarantees.bands import dominance

        return dominance(cast(Any, self), column, over, factor)

    def radius(self, x: Any, **options: Any) -> Ball:
        """Return the certified radius around each row; see `eigcore.guarantees.radius.ball`."""
        from eigcore.guarantees.radius import ball

        return ball(cast(Any, self), x, **options)
