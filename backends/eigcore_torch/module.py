"""Models as `torch.nn` modules."""

from __future__ import annotations

import io
from typing import Any

import torch

from eigcore.plugin import ModelStatic, forward
from eigcore_torch.state import DescribedModule


class SpectralModule(DescribedModule):
    """A `SpectralModel` whose matrices are trainable parameters.

    Its `state_dict` contains `static` too, and loads only into a module with the same one: the
    numbers of another fit would be read with the wrong knots, scale and offset.

    Parameters
    ----------
    model : SpectralModel
        Its parameters are copied, in float64; ``module.float()`` computes in float32.

    Attributes
    ----------
    static : ModelStatic
        Everything but the parameters.
    provenance : dict
        Where the model comes from.
    members : torch.nn.ParameterList
        One (outputs, features + 1, K) array per member.
    """

    static: ModelStatic
    provenance: dict[str, Any]

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.static, self.provenance = model.static, model.provenance
        self.members = torch.nn.ParameterList(torch.tensor(p) for p in model.params)

    def forward(self, x: torch.Tensor, codes: bool = False) -> torch.Tensor:
        """Predictions (...) for numeric rows x (..., columns), after the link."""
        return forward(self.static, list(self.members), x, "torch", codes)

    def description(self) -> ModelStatic:
        """Return `static`."""
        return self.static


class _Codes(torch.nn.Module):
    """Predictions where category columns hold codes."""

    def __init__(self, module: SpectralModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x, codes=True)


def frozen(module: SpectralModule) -> bytes:
    """Return what `torch.export.save` writes: any number of rows, float64, codes for categories."""
    x = torch.zeros(2, len(module.static.encoding.columns), dtype=torch.float64)
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(_Codes(module), (x,), dynamic_shapes={"x": rows})
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()
