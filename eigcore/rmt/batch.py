"""Many laws of one kind at once: parameters with an axis more, and one solve for all of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from eigcore.core.arrays import Array
from eigcore.errors import InvalidInput, NotSupported
from eigcore.rmt.equation import EquationLaw
from eigcore.rmt.inputs import complexes, numbers, on_host, places_on_line
from eigcore.rmt.law import Law

CHUNK = 2**22
"""Numbers that the parameters of one solve may hold."""
Make = TypeVar("Make", bound=Callable[..., Any])


class Laws:
    """Laws of one kind, as a sequence; what they answer together has a leading axis (b,).

    Each law is asked at every point. One solve serves all laws and points; Hessians, whose sums
    are long, are solved one after the other.

    Parameters
    ----------
    members : sequence of Law
        Of one class and backend, with parameters of equal shapes.

    Examples
    --------
    >>> from eigcore import rmt
    >>> laws = rmt.marchenko_pastur([0.25, 0.5, 2.0])
    >>> laws.density([0.5, 1.0]).shape, laws[0].support().tolist()
    ((3, 2), [[0.25, 2.25]])
    """

    def __init__(self, members: Sequence[Law]):
        self.members, self.backend = tuple(members), members[0].backend

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, i: int) -> Law:
        return self.members[i]

    def __iter__(self) -> Iterator[Law]:
        return iter(self.members)

    def __repr__(self) -> str:
        return f"<{len(self)} of the {self.members[0].name}>"

    def stieltjes(self, z: Any) -> Array:
        """Return the transform of each law at each z (...): (b, ...) array; see `Law.stieltjes`."""
        xp, count = self.backend.xp, len(self)
        if not self.members[0].elementwise:
            return self._stacked("stieltjes", z)
        z, real = complexes(self.backend, z)
        for law in self.members:
            law.check_off_support(on_host(self.backend, z))
        lower = xp.imag(z) < 0
        flat = xp.reshape(xp.where(lower, xp.conj(z), z), (-1,))
        law, place = np.divmod(np.arange(count * flat.shape[0]), max(1, flat.shape[0]))
        m = xp.reshape(self._transform(law, flat, place), (count, *z.shape))
        return xp.real(m) if real else xp.where(lower, xp.conj(m), m)

    def density(self, x: Any) -> Array:
        """Return the density of each law at each x (...): (b, ...) array; see `Law.density`."""
        xp = self.backend.xp
        if not self.members[0].elementwise:
            return self._stacked("density", x)
        x = places_on_line(self.backend, x)
        flat = xp.reshape(x, (-1,))
        inside = np.stack([law.inside(on_host(self.backend, flat)) for law in self.members])
        law, place = np.nonzero(inside)
        found = 0.0 * flat + self.backend.asarray(np.zeros(inside.shape))
        if len(law):
            m = xp.clip(xp.imag(self._transform(law, flat + 0j, place)) / np.pi, 0.0, None)
            back = np.maximum(np.cumsum(inside).reshape(inside.shape) - 1, 0)
            spread = xp.reshape(xp.take(m, self._index(back.reshape(-1)), axis=0), inside.shape)
            found = xp.where(self.backend.asarray(inside), spread, found)
        return xp.reshape(found, (len(self), *x.shape))

    def cdf(self, x: Any) -> Array:
        """Return the mass of each law up to each x (...): (b, ...) array; see `Law.cdf`."""
        return self._stacked("cdf", x)

    def quantile(self, q: Any) -> Array:
        """Return the quantiles of each law for q (...): (b, ...) array; see `Law.quantile`."""
        return self._stacked("quantile", q)

    def moments(self, k: int) -> Array:
        """Return the first k moments of each law: (b, k) array; see `Law.moments`."""
        return self._stacked("moments", k)

    def overlaps(self) -> Array:
        """Return the overlaps of each law: (b, k) array; see `Law.overlaps`.

        Raises
        ------
        NotSupported
            For Hessians, whose laws may have different numbers of spikes.
        """
        found = [law.overlaps() for law in self.members]
        if isinstance(found[0], dict):
            raise NotSupported(self._ragged("overlaps"))
        return self.backend.xp.stack(found)

    def support(self) -> Array:
        """Raise NotSupported: the laws may have different numbers of intervals."""
        raise NotSupported(self._ragged("support"))

    def atoms(self) -> Array:
        """Raise NotSupported: the laws may have different numbers of atoms."""
        raise NotSupported(self._ragged("atoms"))

    def spikes(self) -> Array:
        """Raise NotSupported: the laws may have different numbers of spikes."""
        raise NotSupported(self._ragged("spikes"))

    def fluctuation(self, n: int) -> tuple[Array, Array]:
        """Return place and scale of the largest eigenvalue of each law: two (b,) arrays."""
        pairs = [law.fluctuation(n) for law in self.members]
        place, scale = (self.backend.xp.stack(each) for each in zip(*pairs, strict=True))
        return place, scale

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Raise NotSupported: the matrices may have different orders."""
        raise NotSupported(self._ragged("sample", "n, rng"))

    def plot(self, axes: Any = None, points: int = 400) -> Any:
        """Draw all laws into one picture; return the axes of matplotlib."""
        for law in self.members:
            axes = law.plot(axes, points)
        return axes

    def _ragged(self, method: str, arguments: str = "") -> str:
        return (
            f"{method}() was asked of {len(self)} laws at once, where its result may have another "
            f"shape for each; expected one law. Type: [law.{method}({arguments}) for law in laws]"
        )

    def _stacked(self, method: str, *arguments: Any) -> Array:
        return self.backend.xp.stack([getattr(law, method)(*arguments) for law in self.members])

    def _index(self, index: np.ndarray) -> Array:
        return self.backend.asarray(index)

    def _transform(self, law: np.ndarray, points: Array, place: np.ndarray) -> Array:
        """Return m(x + i0) or m(z) for pairs of a law and a point, both given by index (k,)."""
        xp, own = self.backend.xp, self.members[0].host.parameters
        size, found = max(1, CHUNK // sum(max(1, a.size) for a in own)), []
        for at in range(0, max(1, len(law)), size):
            z = xp.take(points, self._index(place[at : at + size]), axis=0)
            found.append(self._solved(law[at : at + size], z))
        return found[0] if len(found) == 1 else xp.concat(found, axis=0)

    def _solved(self, law: np.ndarray, z: Array) -> Array:
        """Return m(z) (k,) of laws (k,), by one solve."""
        own = self.members[0].with_parameters(self.backend, self._gathered(law))
        if not isinstance(own, EquationLaw):
            return own._transform(z)
        d = own.solution(z, self._started(own, law, on_host(self.backend, z)))
        return own._value(d, z, *own.parameters)

    @functools.cached_property
    def _parameters(self) -> list[tuple[Array, bool]]:
        """The parameters of all laws, with an axis (b, ...) unless the laws share them."""
        found = []
        for each in zip(*(law.parameters for law in self.members), strict=True):
            shared = all(a is each[0] for a in each)
            found.append((each[0] if shared else self.backend.xp.stack(each), shared))
        return found

    def _gathered(self, law: np.ndarray) -> tuple[Array, ...]:
        """Return the parameters of laws given by index (k,): (k, ...), or shared."""
        index, take = self._index(law), self.backend.xp.take
        return tuple(a if shared else take(a, index, axis=0) for a, shared in self._parameters)

    def _started(self, own: EquationLaw, law: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the unknowns on NumPy: all at once above the real line, law by law on it."""
        if bool((np.imag(z) > 0).all()):
            sizes = np.array([each.host.size for each in self.members])  # pyright: ignore
            return own.host.continued(z, sizes[law])
        each = [self.members[i].host.started(z[law == i]) for i in np.unique(law)]
        return np.concatenate(each)


def batches(**ranks: int) -> Callable[[Make], Make]:
    """Let a function that makes a law make `Laws` of arguments that have an axis more.

    Parameters
    ----------
    **ranks : int
        The number of axes that each argument has for one law.
    """

    def decorated(make: Make) -> Make:
        signature = inspect.signature(make)

        @functools.wraps(make)
        def made(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            own = {name: given[name] for name in ranks if given.get(name) is not None}
            several = [name for name, value in own.items() if rank(value) == ranks[name] + 1]
            if not several:
                return make(*args, **kwargs)
            others = [a for name in given for a in _arrays(given[name]) if name not in own]
            backend, arrays = numbers(given.get("backend"), *own.values(), *others)
            own = dict(zip(own, arrays, strict=False))
            count = _common_length({name: own[name].shape[0] for name in several})

            def member(i: int) -> Any:
                each = {name: a[i, ...] if name in several else a for name, a in own.items()}
                return make(**{**given, **each, "backend": backend})

            return Laws([member(i) for i in range(count)])

        return cast("Make", made)

    return decorated


def _arrays(value: Any) -> list[Any]:
    """Return the arrays that an argument is or holds, which decide the backend too."""
    each = value if isinstance(value, list | tuple) else [value]
    return [a for a in each if hasattr(a, "dtype")]


def _common_length(lengths: dict[str, int]) -> int:
    if len({*lengths.values()}) > 1 or 0 in lengths.values():
        found = " and ".join(f"{name} {count}" for name, count in lengths.items())
        raise InvalidInput(
            f"Along the first axis {found} laws are given; expected one number of laws. Pass "
            "arrays of equal length, or leave out the axis of what all laws share."
        )
    return next(iter(lengths.values()))


def rank(value: Any) -> int:
    """Return the number of axes of a number, an array, or lists of them."""
    if isinstance(value, list | tuple):
        return 1 + (rank(value[0]) if len(value) else 0)
    return len(getattr(value, "shape", ()))
