"""Eigenvalue layers as `torch.nn` modules."""

from __future__ import annotations

from typing import Any

import torch

from eigcore.plugin import layer, layer_options, start
from eigcore_torch.state import DescribedModule
from eigcore_torch.tensors import autocasts


class SpectralLayer(DescribedModule):
    """A layer that maps a vector to a vector of eigenvalues.

    Its `state_dict` contains `layer` too, and loads only into a layer made with the same options.

    Parameters
    ----------
    features, outputs, dim, index, categories, context, **options
        See `eigcore.layers.layer`.
    generator : torch.Generator, optional
        For the initial parameters; default: that of torch.
    gain : float
        Standard deviation of the outputs at the start, see `eigcore.layers.start`.
    nonfinite : {"raise", "propagate"}
        Whether rows that are NaN or infinite are an error in eager calls, as for
        `eigcore.evaluate`. `torch.amp.GradScaler` needs "propagate": it looks for them itself.
    device, dtype : optional
        Of the parameters; default: those of torch.

    Attributes
    ----------
    layer : eigcore.layers.Layer
        The description.
    matrices, embedding, weights, bias : torch.nn.Parameter
        The parameters that `Layer.shapes` names.

    Raises
    ------
    InvalidSpec
        If the description contradicts itself.
    """

    gain, nonfinite = 1.0, "raise"

    def __init__(
        self,
        features: int,
        outputs: int,
        dim: int,
        *,
        generator: torch.Generator | None = None,
        gain: float = 1.0,
        nonfinite: str = "raise",
        device: Any = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.layer = layer(features, outputs, dim, **options)
        self.gain, self.nonfinite = layer_options(gain, nonfinite)
        self.make_parameters(self.layer.shapes, device, dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw new initial parameters; `generator` as for the class."""
        self.draw_parameters(start(self.layer, self.gain), generator)

    def forward(
        self,
        x: torch.Tensor | None = None,
        *,
        ids: torch.Tensor | None = None,
        values: torch.Tensor | None = None,
        context: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return (..., outputs); for the arguments see `eigcore.layers.Layer.apply`.

        Under `torch.autocast` the layer computes in the dtype of its parameters.
        """
        params = {name: getattr(self, name) for name in self.layer.names}
        own = params["matrices"]
        if autocasts(own):
            x, values, context = (a if a is None else a.to(own.dtype) for a in (x, values, context))
            with torch.autocast(own.device.type, enabled=False):
                return SpectralLayer.forward(self, x, ids=ids, values=values, context=context)
        return self.layer.apply(
            params, x, ids=ids, values=values, context=context, nonfinite=self.nonfinite
        )

    def description(self) -> Any:
        """Return `layer`."""
        return self.layer

    def to_model(self) -> Any:
        """Return a `SpectralModel` with these parameters; see `eigcore.layers.Layer.model`."""
        params = {name: getattr(self, name) for name in self.layer.names}
        return self.layer.model({n: a.detach().cpu().double().numpy() for n, a in params.items()})

    def extra_repr(self) -> str:
        """Return the text that ``print`` shows."""
        return self.layer.summary
