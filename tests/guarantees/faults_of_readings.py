"""Faults in readings, targets of classes, changes in domains and sets, for `mutants.py`."""

READING = ("test_readings.py",)
CHANGES = ("test_changes.py",)
ROUNDING = ("test_rounding.py",)
TURNED = ("test_counterfactual.py",)
SETS = ("../calibration/test_sets.py",)
SCORES, SET = "../calibration/scores.py", "../calibration/sets.py"

READINGS = [
    # a player names too few rules, or the wrong ones
    ("readings.py", "V[..., : k + 1]", "V[..., : max(k, 1)]", READING),
    (
        "readings.py",
        "V[..., k:], ",
        "V[..., k + 1 :] if k + 1 < spec.dim else V[..., k:], ",
        READING,
    ),
    ("readings.py", "V[..., k : k + 1]", "V[..., :1]", READING),
    ("readings.py", 'V[..., k:], "concave"', 'V[..., k:], "convex"', READING),
    # shares, offsets, falls and the lowest weight forgotten
    ("readings.py", "weights=static.weights", "weights=None", READING),
    ("readings.py", "replace(static, offset=0.0)", "replace(static)", READING),
    ("readings.py", "np.maximum(-steps, 0.0)", "0.0 * steps", READING),
    ("readings.py", "first + rises", "rises", READING),
    ("readings.py", "spec.k < spec.dim - 1", "spec.k < 0", READING),
    ("readings.py", "total + weight * static.scale", "total + static.scale", READING),
    # a class beats one other class instead of all, or itself
    ("objective.py", "np.eye(count)[:, 1:] + first", "np.eye(count)[:, 1:2] + first", TURNED),
    ("objective.py", "(each @ self.mixture).min(-1)", "(each @ self.mixture).max(-1)", TURNED),
    ("ends.py", "(upper + margin).min(1)", "(upper + margin).max(1) * 0 + np.inf", TURNED),
    ("goal.py", "place, 1.0), *others", "place, 1.0), *others[:1]", TURNED),
    ("goal.py", "sign * level, chosen", "sign * level, 0", TURNED),
    # a domain: the wrong way round, one member, rounding forgotten
    ("changes.py", "(sooner, one), (later, other) =", "(later, one), (sooner, other) =", CHANGES),
    (
        "changes.py",
        "np.atleast_1d(found.upper) + one",
        "0.9 * np.atleast_1d(found.upper) + one",
        CHANGES,
    ),
    ("changes.py", "moved[:, 1:][:, where] = 0.0", "pass", CHANGES),
    (
        "changes.py",
        "np.atleast_1d(found.lower) - one - other",
        "np.atleast_1d(found.lower)",
        ROUNDING,
    ),
    # a smooth functional of large parts
    ("interval.py", "margin + value_rounding(m.spec.phi, size)", "margin", ROUNDING),
    ("ends.py", "+ value_rounding(group.phi, sides.size)", "", ROUNDING),
    # sets: the probability of another class, no most probable one, groups, boxes
    (SCORES, "1.0 - probabilities(found)", "probabilities(found)", SETS),
    (SCORES, "xp.concat([1.0 - found, found]", "xp.concat([found, 1.0 - found]", SETS),
    (SCORES, "lists * (len(levels) + 2)", "len(levels) + 2", SETS),
    (SET, "(likely >= least) | most", "likely >= least", SETS),
    (SET, "np.stack([1.0 - low, high]", "np.stack([1.0 - high, high]", SETS),
    (SET, "least = least[..., None]", "least = np.min(least)", SETS),
    ("../calibration/interval.py", "[g * lists : (g + 1) * lists]", "[g : g + lists]", SETS),
]
