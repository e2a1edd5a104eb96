"""The methods of a model for frameworks: into their objects, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

from eigcore.core.spec import EigSpec
from eigcore.dispatch.backend import Backend
from eigcore.dispatch.registry import get_backend, imported
from eigcore.errors import InvalidInput
from eigcore.portable.description import ModelStatic


class InFrameworks:
    """`to` and `of`, for `eigcore.SpectralModel`."""

    @classmethod
    def from_static(
        cls, static: ModelStatic, params: Sequence[Any], provenance: Mapping[str, Any] | None = None
    ) -> Self:
        """Build a model from its static part and one NumPy array per member."""
        raise NotImplementedError

    def to(self, backend: str | Backend) -> Any:
        """Return the model as an object of a framework; `of` is the inverse.

        Parameters
        ----------
        backend : str or Backend
            "torch" gives a `torch.nn.Module` with trainable float64 parameters, "jax" a pair
            (params, apply): a list of arrays (float32 without x64, with a warning), and the pure
            function apply(params, x).

        Raises
        ------
        BackendUnavailable, NotSupported
            If the backend is not installed, cannot be loaded, or has no model objects.
        """
        return get_backend(backend).wrap(self)

    @classmethod
    def of(cls, obj: Any) -> Self:
        """Return the model of an object made by `to`, with its current parameters.

        Raises
        ------
        InvalidInput
            If no backend recognises the object.
        """
        for backend in imported():
            found = backend.unwrap(obj)
            if found is not None:
                return cls.from_static(*found)
        raise InvalidInput(
            f"The object is of type {type(obj).__name__}; expected one that model.to(backend) "
            "made. Write SpectralModel.load(path) for a file, SpectralModel.from_jax(spec, params) "
            "for arrays."
        )

    def to_torch(self) -> Any:
        """Return a `torch.nn.Module`: short for ``to("torch")``."""
        return self.to("torch")

    @classmethod
    def from_torch(cls, module: Any) -> Self:
        """Return the model of a module made by `to_torch`: short for `of`."""
        return cls.of(module)

    def to_jax(self) -> Any:
        """Return (params, apply): short for ``to("jax")``."""
        return self.to("jax")

    @classmethod
    def from_jax(cls, spec: ModelStatic | EigSpec, params: Any) -> Self:
        """Return the model with parameters from jax.

        Parameters
        ----------
        spec : ModelStatic (`model.static`), or one EigSpec for a plain model of linear columns
        params : sequence of arrays, one per member, or the single array of an EigSpec
        """
        to_numpy = get_backend("jax").to_numpy
        if isinstance(spec, EigSpec):
            single = params[0] if isinstance(params, (list, tuple)) else params
            return cast(Any, cls)(None, [(spec, to_numpy(single))])
        return cls.from_static(spec, [to_numpy(p) for p in params])
