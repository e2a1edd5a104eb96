"""SpectralModel: encoding + members + link + names, saved as one file, run by any backend."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eigcore.calibration.methods import Calibrated
from eigcore.calibration.scores import Calibration
from eigcore.core.arrays import Array
from eigcore.core.canonical import canonical
from eigcore.core.spec import CONVENTION, EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend, infer
from eigcore.encoding import Encoding, Linear
from eigcore.errors import InvalidInput
from eigcore.guarantees.methods import Guaranteed
from eigcore.portable import file as modelfile
from eigcore.portable.description import (
    Clip,
    ModelStatic,
    checked_params,
    plain_json,
    shares,
)
from eigcore.portable.frameworks import InFrameworks
from eigcore.portable.predict import Forward, answer, decision, forward, link_inverse
from eigcore.portable.tables import beside, is_table, predict_table
from eigcore.portable.targets import provenance_of, static_of, target_of

__all__ = ["ModelStatic", "SpectralModel", "decision", "forward", "link_inverse"]


class SpectralModel(Guaranteed, Calibrated, InFrameworks):
    """A fitted model: it maps a table to predictions in units of the target.

    prediction = link⁻¹(offset + scale · Σ_m w_m f_m(encoding(x))), f_m the value of member m.

    Parameters
    ----------
    encoding : Encoding or None
        None: the terms are the columns themselves, named x0, x1, …
    members : sequence of (EigSpec, array (outputs, features + 1, K))
        Averaged with `weights`. The parameters are copied as float64.
    target_scale, target_offset : float
        Units of the target per unit of f (positive), and the decision where f = 0.
    link : {"identity", "logistic", "log", "softmax"}
    target_name : str
    classes : sequence of labels: two for link "logistic", where the prediction is the probability
        of the second; one per output for link "softmax", where it holds the probability of each
    provenance : mapping of JSON values: versions, seed, rows and other facts about the fit
    weights : sequence of float, one per member, non-negative; scaled to sum 1. Default: equal
    clip : (float, float), least and largest prediction, infinite for no bound; of several targets
        one such pair for each. Default: none
    targets : names of the outputs, if each is a target of its own

    Raises
    ------
    InvalidSpec
        If the parts contradict each other, or parameters are not finite.
    """

    def __init__(
        self,
        encoding: Encoding | None,
        members: Sequence[tuple[EigSpec, Any]],
        *,
        target_scale: float = 1.0,
        target_offset: float = 0.0,
        link: str = "identity",
        target_name: str = "",
        classes: Sequence[Any] = (),
        provenance: Mapping[str, Any] | None = None,
        weights: Sequence[float] | None = None,
        clip: Clip | None = None,
        targets: Sequence[str] = (),
    ) -> None:
        specs = tuple(spec for spec, _ in members)
        if encoding is None:
            encoding = Encoding(tuple(Linear() for _ in range(specs[0].features if specs else 0)))
        self.static = ModelStatic(
            encoding,
            specs,
            shares(weights, len(specs)),
            float(target_scale),
            float(target_offset),
            link,
            target_name,
            tuple(c.item() if isinstance(c, np.generic) else c for c in classes),
            clip,
            tuple(targets),
        )
        self.params = tuple(checked_params(spec, params) for spec, params in members)
        self.provenance = plain_json(provenance or {})

    @classmethod
    def from_static(
        cls, static: ModelStatic, params: Sequence[Any], provenance: Mapping[str, Any] | None = None
    ) -> SpectralModel:
        """Build a model from its static part and one NumPy array per member."""
        if len(params) != len(static.specs):
            raise InvalidInput(
                f"There are {len(params)} parameter array(s) for {len(static.specs)} member(s). "
                "Pass one array (outputs, features + 1, K) per member."
            )
        return cls(
            static.encoding,
            list(zip(static.specs, params, strict=True)),
            target_scale=static.scale,
            target_offset=static.offset,
            link=static.link,
            target_name=static.target_name,
            classes=static.classes,
            provenance=provenance,
            weights=static.weights,
            clip=static.clip,
            targets=static.targets,
        )

    @property
    def encoding(self) -> Encoding:
        """Columns and their terms."""
        return self.static.encoding

    @property
    def members(self) -> tuple[tuple[EigSpec, np.ndarray], ...]:
        """(spec, parameters) of each member; the arrays are read-only."""
        return tuple(zip(self.static.specs, self.params, strict=True))

    @property
    def outputs(self) -> int:
        """Number of values per row."""
        return self.static.specs[0].outputs

    def target(self, name: str) -> SpectralModel:
        """Return the model of one of several targets: the same encoding, and its own pencils.

        It keeps what the model knows of the target: ends, provenance and calibration.

        Raises
        ------
        InvalidInput
            A name that is not that of a target.
        """
        place = target_of(self.static, name)
        found = self.from_static(
            static_of(self.static, place),
            [each[place : place + 1] for each in self.params],
            provenance_of(self.provenance, self.static, place),
        )
        own = self.calibration
        return found.with_calibration(own and own.of_output(place, self.outputs))

    def with_params(self, params: Sequence[Any]) -> SpectralModel:
        """Return the same model with other parameters, one array per member."""
        return self.from_static(self.static, params, self.provenance)

    def with_calibration(self, calibration: Calibration | None) -> SpectralModel:
        """Return the same model with this calibration; other parameters would need another."""
        found = self.from_static(self.static, self.params, self.provenance)
        if calibration is not None:
            calibration.check(self.encoding, self.outputs)
        found.calibration = calibration
        return found

    def predict(
        self,
        X: Any,
        backend: str | Backend | None = None,
        *,
        codes: bool = False,
        exposure: Any = None,
        offset: Any = None,
    ) -> Array:
        """Predictions in units of the target, or probabilities of ``classes[1]`` or of each class.

        Parameters
        ----------
        X : array (..., columns), mapping of columns, or data frame
            See `Encoding.table`. A torch or jax array keeps its library, dtype and device and can
            be differentiated; everything else gives float64 NumPy arrays.
        backend : str or Backend, optional
            Finds the eigenvalues; JAX without x64 in float32, if no kernel serves the model. The
            decision is then off by some d · 6e-8 · scale · the norm of the matrices.
        codes : bool
            Whether category columns of an array hold codes, as from ``encoding.table(data)``;
            otherwise they hold levels.
        exposure : numbers (...), or the name of a column of X, optional
            Multiplies each prediction: a total over the exposure. Default: per unit of exposure.
        offset : numbers (...), or the name of a column of X, optional
            Added to each decision, before the link; for several targets also (..., targets), or a
            mapping of some of them to such. Default: zeros.

        Returns
        -------
        (...) array, or (..., outputs) where outputs > 1

        Raises
        ------
        InvalidInput, NonFiniteInput
            See `Encoding.table` and `eigcore.evaluate`.
        """
        if offset is None and exposure is None:
            return self._run(forward, X, backend, codes)
        found = self._run(forward if offset is None else decision, X, backend, codes)
        chosen = get_backend("numpy") if isinstance(found, np.ndarray) else infer(found)
        if offset is not None:
            moved = found + beside(X, "offset", offset, found, chosen, self.static.targets)
            found = answer(self.static, moved, chosen)
        if exposure is None:
            return found
        return found * beside(X, "exposure", exposure, found, chosen, self.static.targets)

    def decision(
        self, X: Any, backend: str | Backend | None = None, *, codes: bool = False
    ) -> Array:
        """Like `predict`, before the link: log-odds, logarithms, or scores for "softmax"."""
        return self._run(decision, X, backend, codes)

    def _run(self, function: Forward, X: Any, backend: str | Backend | None, codes: bool) -> Array:
        if is_table(X):
            return predict_table(function, self, X, get_backend(backend), codes)
        chosen = infer(X, backend=backend)
        if chosen.name == "numpy":
            return predict_table(function, self, X, chosen, codes)
        self.encoding.check_width(X.shape)
        # copies: torch shares memory with NumPy arrays, and these are read-only
        return function(self.static, [p.copy() for p in self.params], X, chosen, codes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (docs/model-file.md), whole or not at all. Raises ModelFileError."""
        modelfile.write(path, self.to_dict(), self.params)

    def to_bytes(self) -> bytes:
        """Return the bytes of the model file; the same model always gives the same."""
        return modelfile.content(self.to_dict(), self.params)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SpectralModel:
        """Read a model file and check all of it; this runs no code from the file.

        Raises
        ------
        ModelFileError
            For whatever is not the file of a model; see `eigcore.portable.file.read`.
        """
        document, params = modelfile.read(path)
        try:
            found = cls.from_static(ModelStatic.from_dict(document), params, document["provenance"])
            if "calibration" not in document:
                return found
            return found.with_calibration(Calibration.from_dict(document["calibration"]))
        except Exception as exc:  # whatever the file claims
            raise modelfile.no_model(path, exc) from exc

    def to_dict(self) -> dict[str, Any]:
        """Return the description that the model file contains, as JSON values."""
        from eigcore import __version__

        versions = {
            "eigcore": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        provenance = {"versions": versions, **self.provenance}
        found = {"convention": CONVENTION, **self.static.to_dict(), "provenance": provenance}
        if self.calibration is not None:
            found["calibration"] = self.calibration.to_dict()
        return found

    def canonical(self) -> SpectralModel:
        """Return the same function, with members in the canonical gauge (math.md, section 1)."""
        return self.with_params([canonical(spec, params) for spec, params in self.members])

    def __repr__(self) -> str:
        specs = ", ".join(sorted({f"d={s.dim} {s.functional} k={s.k}" for s in self.static.specs}))
        return (
            f"SpectralModel({self.static.target_name or 'target'} from "
            f"{len(self.encoding.names)} columns, {self.encoding.terms} terms; "
            f"{len(self.params)} member(s): {specs}; link {self.static.link})"
        )
