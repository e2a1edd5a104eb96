"""Deliberate faults in explanations, boxes, rounding and what is reached, for `mutants.py`."""

VALUES = ("test_contributions.py",)
CURVES = ("test_curve.py",)
WORDS = ("test_sentences.py",)
LOCAL = ("test_explanation.py",)
BOXES = ("test_proven_boxes.py",)
EVALUATION = ("test_evaluation.py",)
REACHED = ("test_reached.py",)

EXPLANATIONS = [
    # shapley weights off
    ("shapley.py", "1 / (p * math.comb(p - 1, size))", "1 / (p * math.comb(p, size))", VALUES),
    # row and baseline exchanged
    (
        "shapley.py",
        "np.where(masks, one[:, None], other[:, None])",
        "np.where(masks, other[:, None], one[:, None])",
        VALUES,
    ),
    # only the first baseline
    (
        "shapley.py",
        "found = _differences(_cube(values.mean(1)))",
        "found = _differences(_cube(values[:, 0]))",
        VALUES,
    ),
    # players by the first baseline only
    ("shapley.py", "& same[1].all(0)", "| same[1].all(0)", VALUES),
    # pairs not halved
    ("shapley.py", "@ _weights(p - 1) / 2", "@ _weights(p - 1)", VALUES),
    # pairs without the rest
    ("shapley.py", "own[..., i] - found", "own[..., i] + 0 * found", VALUES),
    # no antithetic reverse
    ("shapley.py", "np.concatenate([half, half[:, ::-1]])", "np.concatenate([half, half])", VALUES),
    # standard error of single orders
    ("shapley.py", "/ math.sqrt(count // 2)", "/ math.sqrt(count)", VALUES),
    # ranks are orders
    ("shapley.py", "return np.argsort(orders, axis=1)", "return orders", VALUES),
    # fractions of the baseline
    (
        "shapley.py",
        "fractions=mixed(one.fractions, other.fractions)",
        "fractions=mixed(other.fractions, other.fractions)",
        VALUES,
    ),
    # missed not shared
    (
        "integrated.py",
        "return total + missed, missed, middle",
        "return total, missed, middle",
        VALUES,
    ),
    # missed shared evenly
    (
        "integrated.py",
        "    missed = missed * size / np.maximum",
        "    size = size * 0 + 1\n    missed = missed * size / np.maximum",
        VALUES,
    ),
    # projection moves with weight 1
    (
        "integrated.py",
        "np.concatenate([np.eye(len(mixing.T)), mixing.T], axis=1)",
        "np.concatenate([np.eye(len(mixing.T)), (mixing != 0).T], axis=1)",
        VALUES,
    ),
    # soft shares to all columns
    (
        "integrated.py",
        "lost = (unknown[0] ^ unknown[1])[:, :, None] & among",
        "lost = (unknown[0] | True)[:, :, None] & among",
        VALUES,
    ),
    # no cut at knots, one halving
    ("integrated.py", "HALVINGS = 14", "HALVINGS = 1", VALUES),
    # missed not a reason to halve
    (
        "integrated.py",
        "moved = np.abs(both - split) + missed",
        "moved = np.abs(both - split)",
        VALUES,
    ),
    # Gauss weights
    ("integrated.py", "np.array([8.0, 5.0, 5.0]) / 18", "np.array([5.0, 8.0, 5.0]) / 18", VALUES),
    # only the first member
    (
        "integrated.py",
        "zip(model.members, model.static.weights, strict=True)",
        "list(zip(model.members, model.static.weights, strict=True))[:1]",
        VALUES,
    ),
    # reasons of both sides
    ("contributions.py", " if each[j] > 0]", "]", VALUES),
    # reasons by size
    (
        "contributions.py",
        'np.argsort(-each, kind="stable")',
        'np.argsort(each, kind="stable")',
        VALUES,
    ),
    # softmax not centred
    (
        "contributions.py",
        "middle = self.contributions.mean(1) if centred else 0.0",
        "middle = 0.0",
        VALUES,
    ),
    # base of the first row
    (
        "contributions.py",
        "_decisions(model, base, chosen).mean(0)",
        "_decisions(model, base, chosen)[0]",
        VALUES,
    ),
    # sample ignored
    (
        "contributions.py",
        "known = table if sample is None else rows_of(model, sample)",
        "known = table",
        VALUES,
    ),
    # highest is lowest
    (
        "baselines.py",
        "values.argmax() if high else values.argmin()",
        "values.argmin() if high else values.argmax()",
        VALUES,
    ),
    # monotone columns stay
    ("baselines.py", "column.increasing != column.decreasing and", "False and", VALUES),
    # mean of a periodic column
    ("baselines.py", "isinstance(column, Periodic)", "False", VALUES),
    # commonest level is the rarest
    ("baselines.py", "counts.argmax()", "counts.argmin()", VALUES),
    # band without sorting
    (
        "curve.py",
        'w = np.sort(spec.phi.raw_weights(get_backend("numpy"), np.zeros(spec.dim)))',
        'w = spec.phi.raw_weights(get_backend("numpy"), np.zeros(spec.dim))',
        CURVES,
    ),
    # band 0.9
    ("curve.py", "values @ w + margin", "0.9 * values @ w + margin", CURVES),
    # band of the wrong piece
    (
        "curve.py",
        'side="right") - 1, 0, len(edges) - 2)',
        'side="right"), 0, len(edges) - 2)',
        CURVES,
    ),
    # projection out of the band
    ("curve.py", "for p in np.flatnonzero(moved):", "for p in []:", CURVES),
    # projection sign
    (
        "curve.py",
        "pair = moved[p] * steep[0], moved[p] * steep[1]",
        "pair = abs(moved[p]) * steep[0], abs(moved[p]) * steep[1]",
        CURVES,
    ),
    # knots not on the grid
    (
        "curve.py",
        "return np.union1d(grid, edges[(edges > grid[0]) & (edges < grid[-1])])",
        "return grid",
        CURVES,
    ),
    # prediction of the mean decision
    (
        "curve.py",
        "means = each.mean(0), other.mean(0)",
        "means = each.mean(0), link_inverse(model.static.link, each.mean(0), get_backend('numpy'))",
        CURVES,
    ),
    # bounds to the nearest
    (
        "sentences.py",
        "bound = above(proven.bound * _spread(given), DIGITS)",
        'bound = f"{proven.bound * _spread(given):.4g}"',
        WORDS,
    ),
    # softmax bound not doubled
    ("sentences.py", "return 2 * (1 - 1 / count) * (1 + 1e-15)", "return 1.0", WORDS),
    # monotone words exchanged
    (
        "sentences.py",
        "'lowers' if proven.increasing else 'raises'",
        "'raises' if proven.increasing else 'lowers'",
        WORDS,
    ),
    # gaps of sums beside k
    ("explanation.py", "(jumps > 0, jumps < 0)", "(jumps >= 0, jumps <= 0)", LOCAL),
    # active subspace smallest first
    (
        "explanation.py",
        "np.maximum(values[::-1], 0.0), vectors[:, ::-1]",
        "np.maximum(values, 0.0), vectors",
        LOCAL,
    ),
]

CHECKER, WITNESSES = "checker.py", "witnesses.py"
PROVEN_BOXES = [
    # eigenvalues on the other side: one too many, on the wrong one
    (CHECKER, "i if side < 0 else member.d - 1 - i", "member.d - i", BOXES),
    (CHECKER, "ordered(M, side * end, 1, spare)", "ordered(M, end, 1, spare)", BOXES),
    # corners: no knots, knots of one turn, one side
    (CHECKER, ", *(t for t in knots if start < t < end), end", ", end", BOXES),
    (CHECKER, "for t in k] if self.kind", "for t in k] if not self.kind", BOXES),
    (CHECKER, "if start < t < end), end}", "if start < t < end)}", BOXES),
    # witnesses of parts: not proven, of one side, not added up
    (CHECKER, 'require(ordered(E, R, side), "a part', 'require(True, "a part', BOXES),
    (CHECKER, "ordered(E, R, side)", "ordered(E, R)", BOXES),
    (CHECKER, "M = [x + r for x, r in zip(M, R)]", "pass", BOXES),
    (CHECKER, 'spare), "an eigenvalue', 'member.d), "an eigenvalue', BOXES),
    (CHECKER, "Fraction(side * x, unit)", "Fraction(x, unit)", BOXES),
    (CHECKER, "share * exact(spec", "exact(spec", BOXES),
    (CHECKER, "total[0] + min(w * a, w * b)", "total[0] + w * a", BOXES),
    (CHECKER, "total[1] + max(w * a, w * b)", "total[1] + w * b", BOXES),
    # margins of smooth functionals, a projection that stays, cells that are no numbers
    (CHECKER, "alpha * (r - 1) * (k + 1), alpha * r * k", "0, 0", BOXES),
    (CHECKER, "d**64 * 1000**n <= 2718**n", "d**8 * 1000**n <= 2718**n", BOXES),
    (CHECKER, "sorted(weight * (exact(t) - center)", "sorted((exact(t) - center)", BOXES),
    (CHECKER, "ends.append(sorted(weight", "ends.append((weight", BOXES),
    (CHECKER, "require({*box} == {*self.names} and o", "require(o", BOXES),
    (CHECKER, "o in range(self.outputs), ", "True, ", BOXES),
    (CHECKER, "require(self.levels.count(cell) == 1", "require(True", BOXES),
    (CHECKER, 'require(self.missing, "a', 'require(True, "a', BOXES),
    # making them: no other end, no margin, ends rounded inward
    (WITNESSES, "for other in others:", "for other in []:", BOXES),
    (WITNESSES, "(first + margin * np.eye(d))[rows", "first[rows", BOXES),
    (WITNESSES, "eigvalsh(total) + margin", "eigvalsh(total)", BOXES),
    ("asked.py", "np.where(out * lost > 0, ", "np.where(False, ", BOXES),
    ("asked.py", "for given, name, sign in ((lower,", "for given, name, sign in ((upper,", BOXES),
]

SEEN = [
    # rounding: of cells, of sums of a projection, of the offset, of terms at all
    ("evaluation.py", "stored = 0.0 if u == EPS else 4 * u * far", "stored = 0.0", EVALUATION),
    ("evaluation.py", "yield (len(weights) + 4) * u", "yield 0.0 * u", EVALUATION),
    ("evaluation.py", "(len(members) + 4) * u * sizes", "0.0 * sizes", EVALUATION),
    ("evaluation.py", "size, error = size + own, error + off", "size = size + own", EVALUATION),
    # terms that are live only beside a knot
    ("evaluation.py", "(b + moved > c.low) & (a - moved < c.high)", "(a < c.low)", EVALUATION),
    (
        "evaluation.py",
        "(ends > -error, np.minimum(error, 1), 0.0)",
        "(ends > 2, 1.0, 0.0)",
        EVALUATION,
    ),
    # links: no e^z, overflow unseen
    ("evaluation.py", "np.exp(value + error) * grown", "grown", EVALUATION),
    ("evaluation.py", "total, np.inf)", "total, total)", EVALUATION),
    # anywhere: the first piece, no missing cells
    (
        "evaluation.py",
        "own.max(0, keepdims=True), off.max(0, keepdims=True)",
        "own[:1], off[:1]",
        EVALUATION,
    ),
    # reached: rounding left in, halves, the wrong row, levels of one side
    ("reached.py", "- error.sum(0)", "", REACHED),
    ("reached.py", "* (1 - 8 * EPS)", "* 0.5", REACHED),
    (
        "reached.py",
        "for side in pairs",
        "for side in pairs[[0, 0]]",
        REACHED,
    ),
    (
        "reached.py",
        "best[j] = rates[order[0]], start[order[0]], end[order[0]]",
        "best[j] = rates[order[0]], start[0], end[0]",
        REACHED,
    ),
    ("reached.py", "pair[:, numeric] += step", "pair[:, numeric] -= 0 * step", REACHED),
]
