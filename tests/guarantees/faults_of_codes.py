"""Faults in special codes, margins, what is reached, and claims of order, for `mutants`."""

ATTAINED = ("test_attained.py",)
CHANGES = ("test_changes.py",)
CODES = ("test_codes.py",)
COUNTS = ("test_counterfactual.py",)
MARGINS = ("test_margins.py",)
FORGED = ("test_forged.py",)
ORDERS = ("test_orders.py",)
SAID = ("test_said.py",)
SIGNS = ("test_signs.py",)

CODED = [
    # claims: additive of one member or with others, order of intervals, projections, the wrong way
    ("checker.py", "(p, p) if", "(p - sum(map(abs, M[0])), p + sum(map(abs, M[0]))) if", ORDERS),
    ("checker.py", 'require(not claim.get("additive") or', "require(True or", ORDERS),
    # sentences: additive without a proof, names that are sentences, codes, names that occur twice
    (
        "checker.py",
        'require(prove is Model.change or "additive" not in claim',
        "require(True",
        FORGED,
    ),
    ("checker.py", "per unit of {column!r}", "per unit of {column}", FORGED),
    ("checker.py", "any(n in text for n in model.coded)", "False", FORGED),
    ("checker.py", "require(len({*self.names}) == len(self.names)", "require(True", FORGED),
    ("checker.py", ' and record["claims"]', "", FORGED),
    ("checker.py", 'require(type(claim["values"]) is list', "require(True", ORDERS),
    ("checker.py", "for (a,), (b,) in zip(cells", "for (a, *_), (b, *_) in zip(cells", ORDERS),
    ("checker.py", "(part,) = (each", "part, *_ = (each", ORDERS),
    ("checker.py", '"increasing", 1)', '"increasing", -1)', ORDERS),
    # boxes and changes: one side twice, another output, other cells
    ("attained.py", "np.array([-1.0, 1.0])", "np.array([1.0, 1.0])", ATTAINED),
    ("attained.py", "around(table, radii, -1)[1]", "table + radii", ATTAINED),
    ("asked.py", "out = side * way", "out = side", ATTAINED),
    (
        "box.py",
        "in_boxes(model, table, *inside)",
        "in_boxes(model, table, table - below, table + above)",
        ATTAINED,
    ),
    (
        "reached.py",
        "np.clip(rows[:, numeric], first + short, last - short)",
        "rows[:, numeric]",
        ATTAINED,
    ),
    ("attained.py", "np.clip(end[:, j], *column.range)", "end[:, j]", ATTAINED),
    ("attained.py", "rows[:, list(cells)] = list", "rows[:, :1] = list", ATTAINED),
    # margins: one class turned, ends mixed, nothing in common, the same class twice
    ("margins.py", "both[:, 1:, spec.rows", "both[:1, 1:, spec.rows", MARGINS),
    ("margins.py", "low[:, 0] > high[:, 1]", "low[:, 0] > low[:, 1]", MARGINS),
    ("margins.py", "middle = (values", "middle = 0 * (values", MARGINS),
    ("margins.py", "own[[first, other]]", "own[[first, first]]", MARGINS),
    # codes: numbers, beside numbers, two players, a point of an optimum
    ("domain.py", "special = value in codes", "special = False", CODES),
    ("domain.py", "if value in self.special:", "if False:", CODES),
    ("codes.py", "rows[~np.isnan(rows[:, source]), place] = np.nan", "pass", CODES),
    ("codes.py", "            rows[:, source] = np.nan", "            pass", CODES),
    ("shapley.py", "wide[:, place] = wide[:, source]", "pass", CODES),
    ("integrated.py", "whole[..., source] += whole[..., place]", "pass", CODES),
    ("around.py", "    if mixed:", "    if False:", CODES),
    ("changes.py", "if moved & {*domain} or", "if", CODES),
    ("codes.py", "found[encoding.names[source]] = code", "pass", COUNTS),
    # whole numbers: cells without one, not rounded away or inward, whatever the knots
    ("nearest.py", "float(np.ceil(low)), float(np.floor(high))", "low, high", COUNTS),
    ("nearest.py", "np.ceil(np.abs(steps))", "np.abs(steps)", COUNTS),
    ("nearest.py", "points = self._inward(points)", "pass", COUNTS),
    ("nearest.py", "known[cell] = np.inf, value", "known[cell] = 0.0, value", COUNTS),
    ("around.py", "np.mod(knots, 1).max() == 0", "True", COUNTS),
    # words: a sign that is lost, the wrong link
    ("units.py", "np.where(low >= 0, 0.0, lower)", "lower", CHANGES),
    ("text.py", "certificate.l1 / PER_SCORE[certificate.link]", "certificate.l1 / 4", MARGINS),
    ("domain.py", "found[sources[j]] = math.nan", "pass", CODES),
    ("largest.py", "[*values, None, *codes]", "[*values, None]", CODES),
    ("largest.py", "own.levels if whole and not own.numeric else over", "over", CODES),
    ("column.py", "codes = codes_of(encoding, name)[1]", "codes = ()", CODES),
    # words: numbers rounded inward or to the nearest, ratios, signs up to rounding
    ("text.py", "{below(a, digits)} to", "{above(a, digits)} to", SAID),
    ("text.py", "to {above(b, digits)}", "to {below(b, digits)}", SAID),
    ("text.py", "± {below(r)}", "± {r:g}", SAID),
    ("text.py", "cross {exactly(local.threshold)}", "cross {local.threshold:g}", SAID),
    ("text.py", "3 if ratio > FAR else 7", "3", SAID),
    ("text.py", 'return ""\n    ratio', 'return "1"\n    ratio', SAID),
    ("sentences.py", " and not proven.slack", "", SAID),
    ("slopes.py", "if not largest <= HUGE:", "if False:", SAID),
    ("../cli/show.py", "words.above(bound, 4)", "bound", SAID),
    # places of missing cells: beside a slack, on a circle
    ("column.py", "bounded = not slack and", "bounded =", SIGNS),
    ("column.py", "fitted_range(column) or", "column.range or", SIGNS),
]
