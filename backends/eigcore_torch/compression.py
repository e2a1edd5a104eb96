"""Linear layers and 1×1 convolutions of a module as two factors."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import Conv1d, Conv2d, Conv3d, Linear, Module
from torch.nn.functional import linear, one_hot
from torch.nn.utils import skip_init

from eigcore.plugin import Network, Replacement, Seen

CONVOLUTIONS = (Conv1d, Conv2d, Conv3d)


class Factors(torch.nn.Sequential):
    """Two layers in place of one: first A, without a bias, then B with the bias of the old one.

    Where inputs are kept, the first one is `Picked`, and the second has their columns after B.
    """

    @property
    def weight(self) -> torch.Tensor:
        """The product B A in the shape of the old weight, for code that reads it directly."""
        first, last = self.parts
        product = linear(last.weight.flatten(1), first.weight.to(last.weight).flatten(1).T)
        return product.reshape(len(last.weight), *first.weight.shape[1:])

    @property
    def bias(self) -> torch.Tensor | None:
        """The bias of the second layer."""
        return self.parts[1].bias

    @property
    def parts(self) -> tuple[Any, Any]:
        """The two layers."""
        return self[0], self[1]


class Picked(Module):
    """A x, followed by some entries of x.

    Parameters
    ----------
    layer : torch module
        That of `Factors`, whose inputs x are.
    factor : torch module or None
        A, if it has any row.
    place : (k,) tensor of int64
    """

    place: torch.Tensor

    def __init__(self, layer: Any, factor: Any, place: torch.Tensor) -> None:
        super().__init__()
        self.factor, self.size = factor, layer.weight.shape[1]
        self.axis = -1 if isinstance(layer, Linear) else -1 - len(layer.kernel_size)
        self.stride = () if isinstance(layer, Linear) else layer.stride
        self.register_buffer("place", place.to(layer.weight.device, copy=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (…, r + k), or with channels in place of the last axis."""
        kept = _strided(x, self.stride).index_select(self.axis, self.place)
        return kept if self.factor is None else torch.cat((self.factor(x), kept), self.axis)

    @property
    def weight(self) -> torch.Tensor:
        """The matrix (r + k, n), with as many axes as that of a layer."""
        kept = one_hot(self.place, self.size).reshape(-1, self.size, *[1] * len(self.stride))
        A = self.factor
        return kept if A is None else torch.cat((A.weight, kept.to(A.weight.dtype)))


def load_compressed(model: Module, state_dict: Mapping[str, torch.Tensor]) -> Module:
    """Return a copy of a module that has the factors of a compressed one.

    Parameters
    ----------
    model : torch module
        Made like the one that was compressed.
    state_dict : mapping
        ``compress(...).model.state_dict()``; its shapes give the ranks.

    Raises
    ------
    RuntimeError
        By torch, if other names or shapes differ.
    """
    made, firsts = {}, {}
    for name, layer in _layers(model)[0].items():
        keys = ("0.weight", "0.factor.weight", "0.place", "1.bias")
        plain, beside, place, bias = (state_dict.get(f"{name}.{key}".strip(".")) for key in keys)
        if plain is None and place is None:
            continue
        A = beside if plain is None else plain
        # factors that are equal were one
        own = [None if a is None else (*a.shape, a.double().sum().item()) for a in (A, place)]
        rank, key = 0 if A is None else len(A), (_kind(layer), *own)
        made[id(layer)] = _pair(layer, rank, bias is not None, place, firsts.get(key))
        firsts[key] = made[id(layer)][0]
    model = copy.deepcopy(model, made)
    model.load_state_dict(state_dict)
    return model


class TorchNetwork(Network):
    """A module; its hooks see what its layers get and give."""

    def __init__(self, model: Module, apply: Callable[..., Any] | None, layers: Any = None) -> None:
        self.model, self.apply = model, apply or _called
        self.layers: dict[str, Any]
        self.layers, self.skipped = layers or _layers(model)
        self.matrices = {
            name or "model": layer.weight.detach().flatten(1) for name, layer in self.layers.items()
        }

    def see(self, batch: Any, target: Any = None, loss: Any = None) -> Seen:
        kept: dict[str, list[Any]] = {name: [] for name in self.matrices}
        hooks = [
            layer.register_forward_hook(_keep(rows), with_kwargs=True)
            for layer, rows in zip(self.layers.values(), kept.values(), strict=True)
        ]
        gradients: dict[str, torch.Tensor] = {}
        weights = [] if loss is None else [layer.weight for layer in self.layers.values()]
        try:
            with _in_use(self.model, weights), torch.set_grad_enabled(loss is not None):
                output = self.apply(self.model, batch)
                if loss is not None and weights:
                    slopes = _slopes(loss(output, target), weights)
                    gradients = dict(zip(self.matrices, slopes, strict=True))
        finally:
            for hook in hooks:
                hook.remove()
        parts = {name: zip(*pairs, strict=True) for name, pairs in kept.items() if pairs}
        both = {name: [torch.cat(each) for each in pair] for name, pair in parts.items()}
        inputs, outputs = ({name: pair[i] for name, pair in both.items()} for i in (0, 1))
        output = output.detach() if isinstance(output, torch.Tensor) else output
        return Seen(output, inputs, outputs, gradients)

    def replaced(self, parts: Mapping[str, Replacement]) -> TorchNetwork:
        # deepcopy takes what it finds under the identity of an old layer, at every place of it
        made: dict[int, Any] = {}
        firsts: dict[int, Module] = {}
        for name, layer in zip(self.matrices, self.layers.values(), strict=True):
            if name in parts:
                part = parts[name]
                made[id(layer)] = _filled(layer, part, firsts.get(id(part.A)))
                firsts[id(part.A)] = made[id(layer)][0]
        model = copy.deepcopy(self.model, made)
        layers = {name: made.get(id(layer), layer) for name, layer in self.layers.items()}
        return TorchNetwork(model, self.apply, (layers, self.skipped))

    def kind(self, name: str) -> Any:
        return _kind(dict(zip(self.matrices, self.layers.values(), strict=True))[name])


def _called(model: Any, batch: Any) -> Any:
    return model(batch)


def _layers(model: Module) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the layers that factors can replace, and why other weights stay."""
    uses = Counter(id(p) for part in model.modules() for p in part.parameters(recurse=False))
    layers, skipped = {}, {}
    for name, part in model.named_modules():
        if type(part) not in (Linear, *CONVOLUTIONS):
            for own, p in part.named_parameters(recurse=False):
                if p.ndim > 1:
                    skipped[f"{name}.{own}".strip(".")] = f"in a {type(part).__name__}"
        elif why := _obstacle(part, uses):
            skipped[name] = why
        else:
            layers[name] = part
    return layers, skipped


def _obstacle(layer: Any, uses: Mapping[int, int]) -> str:
    """Return why a layer cannot be replaced; empty if it can."""
    if uses[id(layer.weight)] > 1:
        return "its weight is shared"
    if isinstance(layer, Linear):
        return ""
    if any(size != 1 for size in layer.kernel_size):
        return "its kernel is larger than 1×1"
    padded = not isinstance(layer.padding, str) and any(layer.padding)
    return "it is padded or in groups" if padded or layer.groups > 1 else ""


def _kind(layer: Any) -> tuple[Any, ...]:
    """Return what layers have in common that can share their first factor."""
    weight = layer.weight
    return type(layer), getattr(layer, "stride", ()), weight.device, weight.dtype, weight.shape[1]


def _pair(layer: Any, rank: int, bias: bool, place: torch.Tensor | None, first: Any) -> Factors:
    """Return two layers in place of one, the first maybe shared; their numbers are not set."""
    own: dict[str, Any] = {"device": layer.weight.device, "dtype": layer.weight.dtype}
    m, n, *ones = layer.weight.shape
    sizes, steps = ((1,), {"stride": layer.stride}) if ones else ((), {})
    if first is None:
        A = skip_init(type(layer), n, rank, *sizes, bias=False, **steps, **own) if rank else None
        first = A if place is None else Picked(layer, A, place)
    width = rank + (0 if place is None else len(place))
    last = skip_init(type(layer), width, m, *sizes, bias=bias, **own)
    return Factors(first, last).train(layer.training)


@torch.no_grad()
def _filled(layer: Any, part: Replacement, first: Any) -> Factors:
    """Return layers that multiply by A, then by B, add kept columns, the old bias and a shift."""
    biases = [each for each in (layer.bias, part.shift) if each is not None]
    place = torch.as_tensor(part.place, dtype=torch.int64) if len(part.place) else None
    pair = _pair(layer, len(part.A), bool(biases), place, first)
    first, last = pair.parts
    A = first if place is None else first.factor
    if A is not None:
        A.weight.copy_(part.A.reshape(A.weight.shape))
    last.weight.copy_(torch.cat((part.B, part.C), 1).reshape(last.weight.shape))
    if biases:
        last.bias.copy_(sum(biases))
    return pair


def _strided(x: torch.Tensor, stride: tuple[int, ...]) -> torch.Tensor:
    """Return the inputs that a 1×1 convolution reads."""
    return x[(..., *(slice(None, None, step) for step in stride))] if stride else x


def _keep(kept: list[Any]) -> Callable[..., None]:
    """Return a hook that appends the inputs (N, n) and outputs (N, m) of a layer."""

    def hook(layer: Any, args: tuple[Any, ...], named: dict[str, Any], Y: Any) -> None:
        X = args[0] if args else named["input"]
        first, last = layer.parts if isinstance(layer, Factors) else (layer, layer)
        if not isinstance(last, Linear):
            axis = -1 - len(last.kernel_size)
            X = _strided(X, first.stride).movedim(axis, -1)
            Y = Y.movedim(axis, -1)
        kept.append((X.detach().flatten(0, -2), Y.detach().flatten(0, -2)))

    return hook


def _slopes(value: torch.Tensor, weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return gradients (m, n) of a number; zero where it does not depend on a weight."""
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    return [a.flatten(1) for a in torch.autograd.grad(value, weights, **options)]


@contextmanager
def _in_use(model: Module, weights: Iterable[torch.Tensor]) -> Iterator[None]:
    """Switch a model to evaluation, with gradients of weights, and all of it back."""
    modes = [(part, part.training) for part in model.modules()]
    frozen = [w for w in weights if not w.requires_grad]
    try:
        model.eval()
        for w in frozen:
            w.requires_grad_(True)
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for w in frozen:
            w.requires_grad_(False)
