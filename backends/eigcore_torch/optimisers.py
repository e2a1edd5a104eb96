"""Optimisers that are functions of singular values: clipped updates, and steps J⁺ r."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch

from eigcore.errors import InvalidInput
from eigcore.plugin import (
    Backend,
    clip_numbers,
    clipped,
    clipped_step,
    moved_only_if,
    number,
    residual_weights,
    sven_numbers,
)


class SpectralClip(torch.optim.Optimizer):
    """Another optimiser with the singular values of its updates clipped (SPECTRA).

    A move −ηU of a parameter with two or more axes becomes −λη X − a η H_c(U), H_c the soft clip
    σ/√(1 + σ²/c²); with λ > 0 the spectral norm of X stays at most ac/λ (arXiv 2603.14315). Other
    parameters move as before.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its own weight decay should be 0 if `decay` is not.
    c : float
        Largest singular value of an update U.
    scale : float
        a.
    decay : float
        λ, with λη ≤ 1.
    gradients : float, optional
        Clip singular values of gradients to this first.

    Raises
    ------
    InvalidInput
        A number that is not positive, a negative `decay`, or an optimiser that needs a closure.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        c: float = 1.0,
        scale: float = 1.0,
        decay: float = 0.0,
        gradients: float | None = None,
    ) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise InvalidInput(
                f"The optimizer is a {type(optimizer).__name__}; expected one of torch.optim. "
                "Type: SpectralClip(torch.optim.Adam(model.parameters()))"
            )
        own = inspect.signature(optimizer.step).parameters.get("closure")
        if own is not None and own.default is own.empty:
            raise InvalidInput(
                f"{type(optimizer).__name__} takes several steps of a closure at once; expected an "
                "optimiser whose step() needs none. Type: torch.optim.Adam(model.parameters())"
            )
        self.numbers = clip_numbers(c, scale, decay)
        self.first = None if gradients is None else number("gradients", gradients, 1.0, 0.0)
        super().__init__(optimizer.param_groups, optimizer.defaults)
        self.optimizer = optimizer
        self._shared()

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles keep."""
        names = ("optimizer", "numbers", "first")
        return super().__getstate__() | {name: getattr(self, name) for name in names}

    def _shared(self) -> None:
        """Take the groups of the other optimiser, so that schedules of rates reach it."""
        self.param_groups, self.state = self.optimizer.param_groups, self.optimizer.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore
        """Make one step; returns the loss of the closure, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for p, slope, c in [(p, p.grad, self.first) for _, p in self._matrices()]:
            if c is not None and slope is not None:
                p.grad = clipped(_backend(), slope.flatten(1), c).reshape(slope.shape)
        before = [(group, p, p.clone()) for group, p in self._matrices()]
        self.optimizer.step()
        c, scale, decay = self.numbers
        for group, p, old in before:
            if group["lr"] > 0:
                flat, move = (a.flatten(1) for a in (old, p - old))
                new = clipped_step(_backend(), flat, move, float(group["lr"]), c, scale, decay)
                p.copy_(new.reshape(p.shape))
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to None, or to zero."""
        self.optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the other optimiser."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of the other optimiser."""
        self.optimizer.load_state_dict(state_dict)
        self._shared()

    def _matrices(self) -> Iterable[tuple[dict[str, Any], torch.Tensor]]:
        for group in self.optimizer.param_groups:
            yield from ((group, p) for p in group["params"] if _clips(p))


class Sven(torch.optim.Optimizer):
    """The step −η J_k⁺ r of residuals r (B,) and their Jacobian J (B, P) (arXiv 2604.01279).

    With η = 1 an over-parameterised linear model is solved in one step, by the solution of least
    norm; with B ≥ P it is the Gauss–Newton step.

    Parameters
    ----------
    params : iterable of tensors
    lr : float
        η.
    k : int, optional
        Number of singular values; default all.
    rtol : float
        Singular values below this share of the largest are left out; 0 for those that are zero.

    Raises
    ------
    InvalidInput
        Numbers out of range.
    """

    def __init__(
        self, params: Any, lr: float = 1.0, k: int | None = None, rtol: float = 1e-3
    ) -> None:
        k, rtol = sven_numbers(k, rtol)
        super().__init__(params, {"lr": number("lr", lr, 1.0, 0.0), "k": k, "rtol": rtol})

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:  # pyright: ignore
        """Make one step; `closure` returns the residuals (B,), with their graph.

        Returns half of the sum of their squares, before the step. Residuals that are not finite
        raise NonFiniteInput, and no parameter moves.
        """
        with torch.enable_grad():
            r = closure()
        if not isinstance(r, torch.Tensor) or r.ndim != 1 or not r.requires_grad:
            shape = f" of shape {tuple(r.shape)}" if isinstance(r, torch.Tensor) else ""
            raise InvalidInput(
                f"The closure returned a {type(r).__name__}{shape}; expected residuals (B,) that "
                "depend on the parameters. Return (model(x) - y).flatten()"
            )
        leaves = [p for group in self.param_groups for p in group["params"]]
        rows = torch.eye(len(r), dtype=r.dtype, device=r.device)
        options: dict[str, Any] = {"allow_unused": True, "retain_graph": True}
        parts = torch.autograd.grad(r, leaves, rows, is_grads_batched=True, **options)
        flat = [a.flatten(1).double() for a in parts if a is not None]
        gram = sum(torch.nn.functional.linear(a, a) for a in flat)
        own = self.param_groups[0]
        w = residual_weights(_backend(), gram, r.double(), own["k"] or len(r), own["rtol"])
        moved_only_if(_backend().all_finite(w) or not _backend().is_concrete(w))
        moves = torch.autograd.grad(r, leaves, w.to(r.dtype), allow_unused=True)
        rates = (group["lr"] for group in self.param_groups for _ in group["params"])
        for p, move, rate in zip(leaves, moves, rates, strict=True):
            if move is not None:
                p.add_(move, alpha=-rate)
        return r.detach().square().sum() / 2


def _clips(p: torch.Tensor) -> bool:
    return p.ndim > 1 and p.grad is not None and p.numel() > 0


def _backend() -> Backend:
    from eigcore_torch import BACKEND

    return BACKEND
