"""Move a neuron from one design to another, of other rows or with more sums of columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eigcore.fit.members.design import Design


class Neuron(NamedTuple):
    """Where a short fit ended: a vector in the usual coordinates of a design."""

    design: Design
    vector: np.ndarray


def moved(neuron: Neuron, design: Design, dim: int) -> np.ndarray | None:
    """Return the vector of a neuron with the same blocks in another design, order ``dim``.

    Parts that only the other design has begin with zeros. None if a part has other blocks there.
    """
    before, after = neuron.design.parametrisation(dim), design.parametrisation(dim)
    known, places = _blocks(neuron.design), _blocks(design)
    if not known.keys() <= places.keys():
        return None
    pairs = [(known[label], places[label]) for label in known]
    if not all(np.array_equal(old.used, new.used) for old, new in pairs):
        return None
    found = []
    for part in neuron.vector.reshape(-1, before.size):
        constant, packed = before.blocks(part)
        blocks = np.zeros((len(after.psd), packed.shape[1]))
        for old, new in pairs:
            blocks[new.where] = packed[old.where]
        found.append(after.vector(constant, blocks))
    return np.concatenate(found)


class _Own(NamedTuple):
    """Which blocks (blocks,) of a part are used, and where they are among all that are used."""

    used: np.ndarray
    where: slice


def _blocks(design: Design) -> dict[str, _Own]:
    """Return the blocks of each part, by its label."""
    used = design.signal > 0.0
    ends = np.cumsum([0, *(len(each.psd) for each in design.maps)])
    counts = np.concatenate([[0], np.cumsum(used)])
    return {
        label: _Own(used[first:end], slice(counts[first], counts[end]))
        for label, first, end in zip(design.coarse.labels, ends[:-1], ends[1:], strict=True)
    }
