"""Stable positional encodings of graphs as a `torch.nn` module."""

from __future__ import annotations

from typing import Any

import torch

from eigcore.plugin import Encoder
from eigcore_torch.state import DescribedModule


class StableEncoding(DescribedModule):
    """A layer from Laplacians to features of nodes that do not depend on a choice of eigenvectors.

    Its `state_dict` contains `encoder` too, and loads only into a layer made with the same numbers.

    Parameters
    ----------
    d, features, maps, hidden : int
        See `eigcore.graph.Encoder`.
    generator : torch.Generator, optional
        For the initial parameters; default: that of torch.
    device, dtype : optional
        Of the parameters; default: those of torch.

    Attributes
    ----------
    encoder : eigcore.graph.Encoder
        The description.

    Raises
    ------
    InvalidSpec
        A number that is not a positive integer.
    """

    def __init__(
        self,
        d: int,
        features: int,
        maps: int = 8,
        hidden: int = 16,
        *,
        generator: torch.Generator | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(d, features, maps, hidden)
        self.make_parameters(self.encoder.shapes, device, dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new initial parameters; `generator` as for the class."""
        self.draw_parameters(self.encoder.start, generator)

    def forward(self, L: torch.Tensor) -> torch.Tensor:
        """Return (..., n, features) of Laplacians (..., n, n); see `Encoder.apply`."""
        return self.encoder.apply({name: getattr(self, name) for name in self.encoder.shapes}, L)

    def description(self) -> Any:
        """Return `encoder`."""
        return self.encoder

    def extra_repr(self) -> str:
        """Return the text that ``print`` shows."""
        return ", ".join(f"{name}={value}" for name, value in self.encoder.to_dict().items())
