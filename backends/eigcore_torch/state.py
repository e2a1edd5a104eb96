"""The `state_dict` of modules: it holds what the numbers mean, and loading compares that."""

from __future__ import annotations

import json
from typing import Any

import torch

from eigcore.errors import InvalidInput, InvalidSpec

KEY = "_extra_state"
"""The key of torch for `get_extra_state`."""


class DescribedModule(torch.nn.Module):
    """A module that has a description beside its parameters."""

    def description(self) -> Any:
        """Return it: an object with `to_dict`, and `from_dict` of its class, of JSON values."""
        raise NotImplementedError

    def make_parameters(self, shapes: Any, device: Any, dtype: torch.dtype | None) -> None:
        """Register a parameter for each name and shape, without numbers yet."""
        if dtype is not None and not dtype.is_floating_point:
            raise InvalidSpec(
                f"dtype is {dtype}; expected one of real floating-point numbers. Write "
                "dtype=torch.float32."
            )
        for name, shape in shapes.items():
            values = torch.empty(shape, device=device, dtype=dtype)
            self.register_parameter(name, torch.nn.Parameter(values))

    @torch.no_grad()
    def draw_parameters(self, start: Any, generator: torch.Generator | None) -> None:
        """Fill the parameters with normal numbers of (mean, deviation), by their names."""
        for name, (mean, deviation) in start.items():
            parameter = self.get_parameter(name)
            parameter.normal_(generator=generator)
            parameter.mul_(parameter.new_tensor(deviation)).add_(parameter.new_tensor(mean))

    def get_extra_state(self) -> torch.Tensor:
        """Return the description as a tensor, so that a state holds nothing else."""
        text = json.dumps(self.description().to_dict())
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Do nothing: the description is part of the module."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        key, missing = prefix + KEY, rest[2]
        if key in state_dict:
            self._compare(key, state_dict[key])
        super()._load_from_state_dict(state_dict, prefix, *rest)
        if key in missing:  # a state of eigcore 0.1
            missing.remove(key)

    def _compare(self, key: str, state: torch.Tensor) -> None:
        own = self.description()
        try:
            theirs = type(own).from_dict(json.loads(bytes(state.tolist())))
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise InvalidInput(
                f"{key!r} of the state does not describe a {type(self).__name__}: {exc!r}. "
                "Expected what state_dict() returned. To load the numbers alone, type: "
                f"del state[{key!r}]"
            ) from exc
        if theirs != own:
            one, two = own.to_dict(), theirs.to_dict()
            parts = ", ".join(name for name in one if one[name] != two[name])
            raise InvalidInput(
                f"The state is that of another {type(self).__name__}: it differs in {parts}. "
                "Expected the state of the same fit, or of a layer made with the same options. "
                "Load it into such a module; for the numbers alone, type: "
                f"del state[{key!r}]"
            )
