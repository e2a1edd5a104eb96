"""The description of a model: everything but its arrays, as in the model file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eigcore.core.spec import CONVENTION, EigSpec
from eigcore.encoding import Encoding
from eigcore.errors import InvalidSpec

LINKS = ("identity", "logistic", "log", "softmax")
Clip = tuple[float, float] | tuple[tuple[float, float], ...]
"""Least and largest prediction; of several targets, those of each."""


@dataclass(frozen=True)
class ModelStatic:
    """Everything in a model but its arrays: hashable, a static argument under `jax.jit`.

    Parameters
    ----------
    encoding : Encoding
    specs : tuple of EigSpec
        One per member, with `encoding.terms` features and equal numbers of outputs.
    weights : tuple of float
        One per member, non-negative, together one.
    scale, offset : float
        decision = offset + scale · weighted average of the members, in units of the target.
    link : {"identity", "logistic", "log", "softmax"}
        The prediction is the inverse link of the decision.
    target_name : str
    classes : tuple
        Two for the link "logistic", where the prediction is the probability of the second; one per
        output for "softmax", where it holds the probability of each.
    clip : (float, float), optional
        Least and largest prediction, infinite for no bound; one such pair for each of several
        targets. Default: none.
    targets : tuple of str
        Names of the outputs, where each is a target of its own; not for the link "softmax".

    Raises
    ------
    InvalidSpec
        If the parts contradict each other.
    """

    encoding: Encoding
    specs: tuple[EigSpec, ...]
    weights: tuple[float, ...]
    scale: float = 1.0
    offset: float = 0.0
    link: str = "identity"
    target_name: str = ""
    classes: tuple[str | float | bool, ...] = ()
    clip: Clip | None = None
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        outputs, features = ([getattr(s, n) for s in self.specs] for n in ("outputs", "features"))
        if len(set(outputs)) != 1:
            raise InvalidSpec(
                f"The members have {outputs} outputs. Expected at least one member, all with the "
                "same number of outputs. Fit or build the members from one spec."
            )
        terms = self.encoding.terms
        if set(features) != {terms}:
            raise InvalidSpec(
                f"The encoding gives {terms} terms, but the specs have {features} features. "
                f"Write EigSpec(features={terms}, ...)."
            )
        if not (math.isfinite(self.offset) and math.isfinite(self.scale) and self.scale > 0):
            raise InvalidSpec(
                f"target_scale is {self.scale} and target_offset is {self.offset}. Expected a "
                "positive and a finite number. To change the sign of a model, negate its "
                "matrices."
            )
        self._check_link(outputs[0])
        self._check_clip()
        classified = self.classes or self.link == "softmax"
        if self.targets and (len(self.targets) != outputs[0] or classified):
            raise InvalidSpec(
                f"targets is {self.targets} with link {self.link!r} and {outputs[0]} output(s). "
                "Expected a target of numbers and one name per output, or no names."
            )

    def _check_clip(self) -> None:
        if self.clip is None:
            return
        ends = np.array(self.clip, dtype=np.float64)
        if ends.shape != ((len(self.targets), 2) if self.targets else (2,)):
            raise InvalidSpec(
                f"clip is {self.clip}. Expected two ends, or two for each of several targets. "
                "Leave clip out."
            )
        least, most = {"log": (0.0, math.inf), "logistic": (0.0, 1.0)}.get(
            self.link, (-math.inf, math.inf)
        )
        low, high = ends.T
        if self.link == "softmax" or not ((low < high) & (low < most) & (high > least)).all():
            raise InvalidSpec(
                f"clip is {self.clip} with link {self.link!r}. Expected a lower and a larger upper "
                "end among the values that a prediction can take, and none for several classes. "
                "Leave clip out."
            )

    def _check_link(self, outputs: int) -> None:
        if self.link not in LINKS:
            raise InvalidSpec(
                f"link is {self.link!r}. Expected one of {', '.join(map(repr, LINKS))}. "
                'Write link="identity".'
            )
        if not all(isinstance(label, (str, int, float)) for label in self.classes):
            raise InvalidSpec(
                f"classes is {self.classes!r}. Expected text, numbers or booleans. Convert them, "
                "for example to text."
            )
        if self.classes and len(self.classes) != {"logistic": 2, "softmax": outputs}.get(self.link):
            raise InvalidSpec(
                f"classes is {self.classes!r} with link {self.link!r} and {outputs} output(s). "
                'Expected link="logistic" and two classes, link="softmax" and one class per '
                "output, or no classes."
            )
        if self.link == "softmax" and outputs < 2:
            raise InvalidSpec(
                f'link is "softmax" with {outputs} output. Expected at least two outputs. Write '
                'EigSpec(outputs=2, ...), or link="logistic".'
            )

    @property
    def ends(self) -> tuple[Any, Any]:
        """Least and largest prediction, infinite for no bound; (targets,) each of several."""
        if self.clip is not None and self.targets:
            low, high = np.array(self.clip).T
            return low, high
        low, high = self.clip or (-math.inf, math.inf)
        return low, high

    @property
    def labels(self) -> tuple[str | float | bool, ...]:
        """Names of several outputs: classes, targets, or numbers."""
        return self.classes or self.targets or tuple(range(self.specs[0].outputs))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        target: dict[str, Any] = {
            "name": self.target_name,
            "scale": self.scale,
            "offset": self.offset,
        }
        if self.clip is not None:
            target["clip"] = _written(self.clip)
        if self.targets:
            target["names"] = list(self.targets)
        return {
            "encoding": self.encoding.to_dict(),
            "members": [
                {"spec": json.loads(spec.to_json()), "weight": weight}
                for spec, weight in zip(self.specs, self.weights, strict=True)
            ],
            "link": self.link,
            "target": target,
            "classes": list(self.classes),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelStatic:
        """Read what `to_dict` returned.

        Raises
        ------
        InvalidSpec, KeyError, TypeError, ValueError
            If the description lacks a field or contradicts itself.
        """
        packing = data.get("convention", CONVENTION)
        if packing != CONVENTION:
            raise InvalidSpec(f"its parameters are packed as {packing!r}, not {CONVENTION!r}")
        members, target = data["members"], data["target"]
        return cls(
            Encoding.from_dict(data["encoding"]),
            tuple(EigSpec.from_json(json.dumps(member["spec"])) for member in members),
            tuple(float(member["weight"]) for member in members),
            float(target["scale"]),
            float(target["offset"]),
            str(data["link"]),
            str(target["name"]),
            tuple(data["classes"]),
            _ends(target.get("clip")),
            tuple(map(str, target.get("names", ()))),
        )


def _written(clip: Any) -> list[Any]:
    """Return ends for a file, where an infinite one is None."""
    if isinstance(clip[0], tuple):
        return [_written(each) for each in clip]
    return [end if math.isfinite(end) else None for end in clip]


def _ends(clip: Any) -> Any:
    """Return the ends of a file; inverse of `_written`."""
    if clip is None:
        return None
    if clip and isinstance(clip[0], list):
        return tuple(_ends(each) for each in clip)
    low, high = clip
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


class Described(Protocol):
    """A model as guarantees see it, such as `eigcore.SpectralModel`."""

    @property
    def static(self) -> ModelStatic:
        """Everything but the arrays."""
        ...

    @property
    def encoding(self) -> Encoding:
        """Columns and their terms."""
        ...

    @property
    def members(self) -> tuple[tuple[EigSpec, np.ndarray], ...]:
        """Spec and parameters (outputs, features + 1, K) of each member."""
        ...

    @property
    def outputs(self) -> int:
        """Number of values per row."""
        ...

    def target(self, name: str) -> Described:
        """Return the model of one of several targets."""
        ...

    def to_bytes(self) -> bytes:
        """Return the bytes of the model file."""
        ...


def shares(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Return the weights of `count` members, scaled to sum 1; equal weights for None.

    Raises
    ------
    InvalidSpec
        If there is not one non-negative number per member, or all are zero.
    """
    if not count:
        return ()
    given = [1.0] * count if weights is None else [float(w) for w in weights]
    total = math.fsum(given)
    if len(given) != count or not all(0 <= w < math.inf for w in given) or total <= 0:
        raise InvalidSpec(
            f"weights is {given} for {count} member(s). Expected one non-negative number per "
            "member, not all zero. Leave weights out for equal weights."
        )
    if abs(total - 1) <= 1e-12:
        return tuple(given)
    return tuple(w / total for w in given)


def checked_params(spec: EigSpec, params: Any) -> np.ndarray:
    """Return a read-only float64 copy of parameters; raise InvalidSpec if they do not match."""
    array = np.array(params, dtype=np.float64)
    # K is at least dim: a file cannot make us compute the layout of a huge matrix
    if array.ndim != 3 or array.shape[-1] < spec.dim or array.shape != spec.params_shape:
        raise InvalidSpec(
            f"params should have shape ({spec.outputs}, {spec.features + 1}, K), K the stored "
            f"entries of a {spec.structure} matrix of order {spec.dim}; got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise InvalidSpec(
            f"params have {int((~np.isfinite(array)).sum())} entries that are not finite. Expected "
            "finite numbers; fit again with a smaller step or a larger penalty."
        )
    array.setflags(write=False)
    return array


def plain_json(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return provenance as JSON returns it; raise InvalidSpec if it is not JSON."""
    try:
        return json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise InvalidSpec(
            f"provenance is not JSON: {exc}. Expected text, finite numbers, lists and dicts."
        ) from exc
