"""The arithmetic of a whole model, written once: table in, prediction out, on every backend.

`SpectralModel.predict`, the torch module and the jax function all call `forward`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eigcore.api import evaluate
from eigcore.core.arrays import Array
from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend
from eigcore.encoding import Encoding
from eigcore.errors import InvalidSpec

LINKS = ("identity", "logistic", "log", "softmax")


@dataclass(frozen=True)
class ModelStatic:
    """Everything of a model that is not an array: hashable, a static argument under `jax.jit`.

    Parameters
    ----------
    encoding : Encoding
    specs : tuple of EigSpec, one per member; `features` is `encoding.terms`, equal `outputs`
    weights : tuple of float, one per member, non-negative, of sum 1
    scale, offset : float, the target transform: decision = offset + scale · average of members
    link : {"identity", "logistic", "log", "softmax"}; the prediction is the link's inverse of the
        decision
    target_name : str
    classes : tuple; with the link "logistic", two: the prediction is the probability of the
        second; with "softmax", one per output: the prediction holds the probability of each
    """

    encoding: Encoding
    specs: tuple[EigSpec, ...]
    weights: tuple[float, ...]
    scale: float = 1.0
    offset: float = 0.0
    link: str = "identity"
    target_name: str = ""
    classes: tuple[str | float | bool, ...] = ()

    def __post_init__(self) -> None:
        if not self.specs or len({spec.outputs for spec in self.specs}) != 1:
            raise InvalidSpec(
                f"The members have outputs {[spec.outputs for spec in self.specs]}. Expected at "
                "least one member, all with the same number of outputs."
            )
        terms = self.encoding.terms
        if any(spec.features != terms for spec in self.specs):
            raise InvalidSpec(
                f"The encoding gives {terms} terms, the specs have features "
                f"{[spec.features for spec in self.specs]}. Write EigSpec(features={terms}, ...)."
            )
        if self.link not in LINKS:
            raise InvalidSpec(f"link is {self.link!r}. Write one of {', '.join(map(repr, LINKS))}.")
        if not (math.isfinite(self.offset) and math.isfinite(self.scale) and self.scale > 0):
            raise InvalidSpec(
                f"target_scale is {self.scale} and target_offset {self.offset}. Expected a "
                "positive and a finite number; to turn the sign of a model, negate its matrices."
            )
        outputs = self.specs[0].outputs
        if not all(isinstance(label, (str, int, float)) for label in self.classes):
            raise InvalidSpec(f"classes is {self.classes!r}. Expected text, numbers or booleans.")
        if self.classes and len(self.classes) != {"logistic": 2, "softmax": outputs}.get(self.link):
            raise InvalidSpec(
                f"classes is {self.classes!r} with link {self.link!r} and {outputs} output(s). "
                'Expected link="logistic" and two classes, link="softmax" and one class per '
                "output, or no classes."
            )
        if self.link == "softmax" and outputs < 2:
            raise InvalidSpec(
                f'link is "softmax" with {outputs} output. Expected at least two outputs: write '
                'EigSpec(outputs=2, ...), or link="logistic".'
            )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `from_dict` is the inverse."""
        return {
            "encoding": self.encoding.to_dict(),
            "members": [
                {"spec": json.loads(spec.to_json()), "weight": weight}
                for spec, weight in zip(self.specs, self.weights, strict=True)
            ],
            "link": self.link,
            "target": {"name": self.target_name, "scale": self.scale, "offset": self.offset},
            "classes": list(self.classes),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelStatic:
        """Inverse of `to_dict`; a wrong description raises InvalidSpec, KeyError or TypeError."""
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
        )


def shares(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """Member weights scaled to sum 1; equal where None is given."""
    if not count:
        return ()
    given = [1.0] * count if weights is None else [float(w) for w in weights]
    total = math.fsum(given)
    if len(given) != count or not all(0 <= w < math.inf for w in given) or total <= 0:
        raise InvalidSpec(
            f"weights is {given} for {count} member(s). Expected one non-negative number per "
            "member, not all zero."
        )
    if abs(total - 1) <= 1e-12:
        return tuple(given)
    return tuple(w / total for w in given)


def decision(static: ModelStatic, params: Sequence[Array], x: Array, backend: Backend) -> Array:
    """The model before the link, as a pure function: offset + scale · Σ_m w_m f_m(encoding(x)).

    static : ModelStatic;  params : one array (outputs, features + 1, K) per member
    x : (..., columns) floating array of the backend's library -> (...) or (..., outputs)
    Runs, differentiates and compiles on every backend. float16 and bfloat16 run in float32.
    """
    name = backend.dtype_name(x)
    if "float" not in name:
        return decision(static, params, backend.asarray(x, dtype="float64"), backend)
    if "16" in name:
        wide = decision(static, params, backend.asarray(x, dtype="float32"), backend)
        return backend.asarray(wide, like=x)
    terms = static.encoding(x, backend)
    members = [backend.asarray(member, like=terms) for member in params]
    pairs = zip(static.specs, members, strict=True)
    return combine(static, [evaluate(spec, own, terms, backend=backend) for spec, own in pairs])


def combine(static: ModelStatic, values: Sequence[Array]) -> Array:
    """Decision from the members' values: offset + scale · Σ_m w_m values_m."""
    pairs = zip(static.weights, values, strict=True)
    return static.offset + static.scale * sum(weight * value for weight, value in pairs)


def forward(
    static: ModelStatic, params: Sequence[Array], x: Array, backend: str | Backend
) -> Array:
    """The whole model as a pure function: the link's inverse of `decision`, same shapes."""
    chosen = get_backend(backend)
    return link_inverse(static.link, decision(static, params, x, chosen), chosen)


def link_inverse(link: str, z: Array, backend: Backend) -> Array:
    """Prediction from decision: z, 1 / (1 + e^(−z)), e^z, or e^z / Σ e^z over the last axis.

    Without overflow; all but the last are increasing.
    """
    xp = backend.xp
    if link == "identity":
        return z
    if link == "log":
        return xp.exp(z)
    if link == "softmax":
        # the shift is a constant to a derivative as well: softmax does not depend on it
        shares = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
        return shares / xp.sum(shares, axis=-1, keepdims=True)
    # both branches of `where` see only arguments they can take, or the gradient would be NaN
    low, high = xp.exp(xp.where(z < 0.0, z, 0.0)), xp.exp(xp.where(z < 0.0, 0.0, -z))
    return xp.where(z < 0.0, low / (1.0 + low), 1.0 / (1.0 + high))
