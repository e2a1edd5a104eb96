"""Deliberate faults in ranges, changes, boxes and radii, for `mutants.py`."""

ROUNDING = ("test_rounding.py",)
BOX = ("test_box.py",)
CHANGES = ("test_changes.py",)
OPTIMUM = ("test_optimum.py",)
BEYOND = ("test_beyond.py",)

DOMAINS = [
    # columns that go on: those that do not, wrong words, the caller's numbers, outward, one model
    (
        "beyond.py",
        "for each in _ranges(encoding) if each.goes_on",
        "for each in _ranges(encoding)",
        BEYOND,
    ),
    ("beyond.py", "self.holds is None or not", "self.holds is not None and not", BEYOND),
    ("beyond.py", "own.column not in asked or not", "own.column not in asked and not", BEYOND),
    (
        "beyond.py",
        "above(self.fitted[0]), below(self.fitted[1])",
        "below(self.fitted[0]), above(self.fitted[1])",
        BEYOND,
    ),
    ("beyond.py", "for model in models for", "for model in models[:1] for", BEYOND),
    ("beyond.py", " or cells[each.column] > each.fitted[1]", "", BEYOND),
    ("certificate.py", "beyond=everywhere(encoding)", "beyond=()", BEYOND),
    ("optimum.py", "{*map(str, domain or ()), *", "{*", BEYOND),
    # end of optimum x 0.99
    (
        "optimum.py",
        "bound = sign * search.best, sign * search.bound",
        "bound = sign * search.best, 0.99 * sign * search.bound",
        ROUNDING + OPTIMUM,
    ),
    # a knot left out
    (
        "domain.py",
        "return edges[np.isfinite(edges)]",
        "return edges[np.isfinite(edges)][:-1]",
        ROUNDING + OPTIMUM,
    ),
    # a periodic knot left out
    ("domain.py", "return (edges[:-1] + turns", "return (edges[:-2] + turns", ROUNDING + OPTIMUM),
    # a level left out
    (
        "domain.py",
        "atoms = (*dict.fromkeys(values), *missing)",
        "atoms = tuple(dict.fromkeys(values))[:-1] or (*values, *missing)",
        ROUNDING + OPTIMUM,
    ),
    # missing cells forgotten
    (
        "domain.py",
        "missing = (None,) if any(_is_missing(value) for value in values) else ()",
        "missing = ()",
        ROUNDING + OPTIMUM,
    ),
    # only the first member
    (
        "objective.py",
        "for m in member_slopes(model)\n",
        "for m in member_slopes(model)[:1]\n",
        ROUNDING + OPTIMUM,
    ),
    # only the first output
    (
        "optimum.py",
        "[(m, o, sign) for m, sign in models]",
        "[(m, 0, sign) for m, sign in models]",
        ROUNDING + OPTIMUM,
    ),
    # margin dropped (domain)
    (
        "ends.py",
        "return Ends((upper + margin).min(1), margin",
        "return Ends(upper.min(1), margin",
        ROUNDING + OPTIMUM,
    ),
    # offset wrong
    (
        "ends.py",
        "    loewner = centre = np.tile(constant,",
        "    loewner = centre = np.tile(constant * 0.9,",
        ROUNDING + OPTIMUM,
    ),
    # wrong side of softmax
    (
        "units.py",
        "own = np.arange(low.shape[-1]) == c",
        "own = np.arange(low.shape[-1]) != c",
        BOX + CHANGES + OPTIMUM,
    ),
    # wrong side of the link
    (
        "units.py",
        "(link_inverse(link, side, numpy) for side in (low, high))",
        "(link_inverse(link, side, numpy) for side in (high, low))",
        BOX + CHANGES + OPTIMUM,
    ),
    # tanh(d/4.1)
    (
        "units.py",
        "np.tanh(np.minimum(low, 0.0) / 4), np.tanh(np.maximum(high, 0.0) / 4)",
        "np.tanh(np.minimum(low, 0.0) / 4), np.tanh(np.maximum(high, 0.0) / 4.1)",
        BOX + CHANGES + OPTIMUM,
    ),
    # softmax: own score only
    ("units.py", "low, high = low - largest, high - least", "pass", BOX + CHANGES + OPTIMUM),
    # second-order rest x 0.5
    ("ends.py", "np.minimum(rest, second)", "np.minimum(rest, second) * 0.5", ROUNDING + OPTIMUM),
    # linear part x 0.99
    (
        "ends.py",
        "(np.abs(linear) * half[..., None]).sum(1)",
        "(np.abs(linear) * half[..., None]).sum(1) * 0.99",
        ROUNDING + OPTIMUM,
    ),
    # gap not reduced
    (
        "ends.py",
        "gap = np.abs(lam[..., k] - lam[..., neighbour]) - moved - norm",
        "gap = np.abs(lam[..., k] - lam[..., neighbour])",
        ROUNDING + OPTIMUM,
    ),
    # centre bound beyond a piece
    ("ends.py", "straight = straight & (piece != -1)", "straight = straight", ROUNDING + OPTIMUM),
    # centre bound beyond a piece of a projection
    (
        "ends.py",
        "sides.straight & (gone | ((met > 0).sum(1) <= 1)) & ~both",
        "sides.straight",
        ROUNDING + OPTIMUM,
    ),
    # projection forgotten in slopes
    ("ends.py", "slopes[:, j] += p.weights[j] * through", "pass", ROUNDING + OPTIMUM),
    # join takes one half
    (
        "cells.py",
        "top = T[0] + directed(self.objective, T[1] - T[0])[0]",
        "top = T[1]",
        ROUNDING + OPTIMUM,
    ),
    # Loewner ends x 0.99
    (
        "cells.py",
        "here + self.gain[piece] * width, here + self.loss[piece] * width",
        "here + 0.99 * self.gain[piece] * width, here + 0.99 * self.loss[piece] * width",
        ROUNDING + OPTIMUM,
    ),
    # signed weights as if monotone
    (
        "ends.py",
        "lam @ np.maximum(w, 0) - other @ np.maximum(-w, 0)",
        "lam @ w",
        ROUNDING + OPTIMUM,
    ),
    # missing projection forgotten
    (
        "ends.py",
        "top[both] += directed(objective, p.missing - top[both])[0]",
        "pass",
        ROUNDING + OPTIMUM,
    ),
    # closed boxes forgotten
    (
        "search.py",
        "self.closed = max(closed, float(upper[~open_].max(initial=-np.inf)))",
        "pass",
        ROUNDING + OPTIMUM,
    ),
    # bound of open boxes only
    (
        "search.py",
        "return float(max(self.upper.max(initial=-np.inf), self.closed, self.best))",
        "return float(max(self.upper.max(initial=-np.inf), self.best))",
        ROUNDING + OPTIMUM,
    ),
    # periodic domain cut in a projection
    ("domain.py", "if not mixed and len(periods)", "if len(periods)", ROUNDING + OPTIMUM),
    # tangent for every functional
    (
        "ends.py",
        "flat = group.shape.concave if up else group.shape.convex",
        "flat = True",
        ROUNDING + OPTIMUM,
    ),
    # change x 0.99
    (
        "support.py",
        "return lam[..., ::-1] @ w - margin, lam @ w + margin",
        "return (lam[..., ::-1] @ w - margin) * 0.99, (lam @ w + margin) * 0.99",
        ROUNDING + CHANGES,
    ),
    # eigensolve margin dropped
    (
        "support.py",
        "return lam[..., ::-1] @ w - margin, lam @ w + margin",
        "return lam[..., ::-1] @ w, lam @ w",
        ROUNDING + CHANGES,
    ),
    # assembly margin dropped
    (
        "support.py",
        "error = error + (ROUNDING + packed.shape[0]) * EPS * size",
        "pass",
        ROUNDING + CHANGES,
    ),
    # sum margin dropped
    ("support.py", "slip = 2 * (len(members) + 1) * EPS * size", "slip = 0.0", ROUNDING),
    # change: first member only
    ("support.py", "for m in members:", "for m in members[:1]:", ROUNDING + CHANGES),
    # sum functional as one eigenvalue
    (
        "support.py",
        'count = spec.r if spec.functional in ("top_sum", "bottom_sum") else 1',
        "count = 1",
        ROUNDING + CHANGES,
    ),
    # weights not sorted
    (
        "support.py",
        "return np.sort(np.array(spec.weights))",
        "return np.array(spec.weights)",
        ROUNDING + CHANGES,
    ),
    # an unseen level left out
    ("largest.py", 'own.unseen == "neutral":', "False:", CHANGES),
    # missing level left out
    ("largest.py", "if whole and own.missing and alone:", "if False:", CHANGES),
    # projection forgotten in a change
    (
        "changes.py",
        "for p, weight in projections_of(model.encoding, j):\n        moved",
        "for p, weight in []:\n        moved",
        CHANGES,
    ),
    # shifted knots forgotten
    ("changes.py", "z = np.concatenate([z, z - step])", "pass", CHANGES),
    # missing projection in a change
    ("changes.py", "low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)", "pass", CHANGES),
    # projection x 0.5 in the largest change
    ("largest.py", "far = abs(weight) *", "far = 0.5 * abs(weight) *", CHANGES),
    # missing projection in bands
    (
        "bands.py",
        "return pick(end, 0.0) if encoding.parts[p].missing else end",
        "return end",
        CHANGES + ROUNDING,
    ),
    # additive up to a tolerance
    (
        "signs.py",
        "(full == full[..., :1, :1] * np.eye(m.spec.dim)).all()",
        "np.allclose(full, full[..., :1, :1] * np.eye(m.spec.dim))",
        CHANGES + ROUNDING,
    ),
    # interaction: not the spread
    ("bands.py", "bands.upper - bands.lower", "np.abs(bands.upper) ", CHANGES + ROUNDING),
    # interaction: unseen and missing left out
    (
        "bands.py",
        "codes = np.append(codes, np.nan) if own.missing else codes",
        "codes = codes[1:]",
        CHANGES + ROUNDING,
    ),
    # dominance factor x 0.99
    ("bands.py", "S - R", "S - 0.99 * R", CHANGES + ROUNDING),
    # box: sign of projection weights
    ("interval.py", "below @ rises + above @ falls", "below @ rises", ROUNDING + BOX),
    # box: sides exchanged
    (
        "interval.py",
        "Reach(reach_of(encoding, j, x[:, j], a).right, reach_of(encoding, j, x[:, j], b).left)",
        "Reach(reach_of(encoding, j, x[:, j], b).right, reach_of(encoding, j, x[:, j], a).left)",
        ROUNDING + BOX,
    ),
    # box ends x 0.99
    (
        "asked.py",
        "np.nan_to_num(table - low), np.nan_to_num(high - table)",
        "0.99 * np.nan_to_num(table - low), 0.99 * np.nan_to_num(high - table)",
        BOX,
    ),
    # scale x 1.02
    (
        "box.py",
        "below * scale[:, None], above * scale[:, None])",
        "below * scale[:, None] / 1.02, above * scale[:, None] / 1.02)",
        BOX,
    ),
    # radius x 1.02
    ("box.py", "return good", "return good * 1.02", BOX),
    # pieces within the ball forgotten
    ("radius.py", "far = radius * wide[p]", "far = 0.0 * radius * wide[p]", BOX),
    # ball: first member only
    (
        "radius.py",
        "for m in members:\n        power",
        "for m in members[:1]:\n        power",
        BOX,
    ),
    # box: sum margin dropped
    (
        "interval.py",
        "margin = 4 * (len(members) + 1) * EPS * (abs(offset)",
        "margin = 0.0 * (abs(offset)",
        ROUNDING + BOX,
    ),
]
