"""SPE as a layer: learned functions of eigenvalues, then of the entries of a node's row.

The arithmetic of `eigcore_torch.StableEncoding` and `eigcore_jax.stable_encoding`, whose parameters
are arrays with the names and shapes of `Encoder.shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from eigcore.core.arrays import Array
from eigcore.core.scalars import is_whole
from eigcore.dispatch.registry import infer
from eigcore.errors import InvalidSpec
from eigcore.graph.encoding import combined, smallest
from eigcore.graph.laplacians import squares


@dataclass(frozen=True)
class Encoder:
    """A layer from Laplacians (..., n, n) to features of nodes (..., n, features).

    φ(λ)_i = W tanh(a λ_i + c mean_j λ_j + b) + e gives m numbers per eigenvalue and with them
    Q = V diag(φ_l) Vᵀ; node i gets B mean_j t_ij + C t_ii + f with t_ij = tanh(n A Q_ij + g). So
    features are renumbered with the nodes, depend on eigenspaces only, and are continuous in L
    where λ_d < λ_{d+1}.

    Parameters
    ----------
    d : int
        Number of eigenvalues; smaller graphs use all they have.
    features : int
        Numbers per node.
    maps, hidden : int
        m, and the width of both hidden layers.

    Raises
    ------
    InvalidSpec
        A number that is not a positive integer.
    """

    d: int
    features: int
    maps: int = 8
    hidden: int = 16

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not is_whole(value) or value < 1:
                raise InvalidSpec(
                    f"{name} is {value!r}; expected a positive integer. Write {name}=8."
                )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name of a parameter -> its shape."""
        h, m, p = self.hidden, self.maps, self.features
        inner = {"own": (1, h), "mean": (1, h), "shift": (h,), "mix": (h, m), "level": (m,)}
        outer = {"entry": (m, h), "offset": (h,), "row": (h, p), "diagonal": (h, p), "bias": (p,)}
        return inner | outer

    @property
    def start(self) -> dict[str, tuple[float, float]]:
        """Name of a parameter -> mean and standard deviation of its normal initial numbers."""
        zero = ("level", "offset", "bias")
        return {
            name: (
                0.0,
                0.0 if name in zero else 1.0 / math.sqrt(shape[0]) if len(shape) > 1 else 1.0,
            )
            for name, shape in self.shapes.items()
        }

    def to_dict(self) -> dict[str, int]:
        """Return the numbers of the description, as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, int]) -> Encoder:
        """Return the description that `to_dict` told of."""
        return cls(**numbers)

    def apply(self, params: Mapping[str, Array], L: Array) -> Array:
        """Return the features of nodes.

        Parameters
        ----------
        params : mapping of arrays
            Names and shapes as in `shapes`, of one library and dtype.
        L : (..., n, n) array
            Laplacians, of the same library and dtype.

        Returns
        -------
        (..., n, features) array
            Differentiable with respect to the parameters, not to L (`NotDifferentiable`).

        Raises
        ------
        InvalidInput, NonFiniteInput
            L that is not square or, in eager calls, not finite.
        """
        backend = infer(L, *params.values())
        n, xp = squares(backend, L, "L"), backend.xp
        lam, V, share = smallest(backend, L, min(self.d, n))
        own, mean = lam[..., None], xp.mean(lam, axis=-1, keepdims=True)[..., None]
        inner = xp.tanh(own @ params["own"] + mean @ params["mean"] + params["shift"])
        weights = inner @ params["mix"] + params["level"]
        Q = combined(backend, V, share, weights)
        t = xp.tanh(n * (Q @ params["entry"]) + params["offset"])
        eye = backend.asarray(np.eye(n), like=lam)[..., None]
        rows, diagonal = xp.mean(t, axis=-2), xp.sum(t * eye, axis=-2)
        return rows @ params["row"] + diagonal @ params["diagonal"] + params["bias"]
