"""Predict with an eigcore model file (docs/model-file.md); needs NumPy alone.

Rows of numbers, codes for categories::

    python reader.py model.eig < rows.csv
"""

import json
import sys

import numpy as np


def read(path):
    """Return the description of a model file and its arrays."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    model = json.loads(json.loads(header.pop("__metadata__")["eigcore"])["model"])
    cut = {name: data[slice(*each["data_offsets"])] for name, each in header.items()}
    arrays = {n: np.frombuffer(cut[n], "<f8").reshape(header[n]["shape"]) for n in header}
    return model, [arrays[f"member.{i}"] for i in range(len(model["members"]))]


def terms(column, t):
    """Return the terms of a column at cells t (rows,): (rows, terms)."""
    kind, known = column["kind"], ~np.isnan(t)
    x = np.where(known, t, 0.0)[:, None]
    if kind == "linear":
        inside = np.clip(x, *column.get("limits", (None, None)))
        found = (inside - column["center"]) / column["scale"]
    elif kind == "categories":
        found = 1.0 * (x == np.arange(len(column["levels"])))
    elif kind == "periodic":
        knots, period = np.array(column["knots"]), column["period"]
        right = np.diff(knots, append=knots[0] + period)
        s = (x - knots) % period
        found = np.maximum(0.0, np.maximum(1 - s / right, 1 - (period - s) / np.roll(right, 1)))
    else:
        knots = np.array(column["knots"])
        widths = np.diff(knots)
        found = np.clip((x - knots[:-1]) / widths, 0.0, 1.0)
        if column["tails"] == "linear":
            left = np.minimum(x - knots[0], 0.0) / widths[0]
            right = np.maximum(x - knots[-1], 0.0) / widths[-1]
            found = np.hstack([left, found, right])
    if column["missing"]:
        return np.hstack([found * known[:, None], 1.0 * ~known[:, None]])
    return np.where(known[:, None], found, np.nan)


def matrices(packed, d):
    """Return symmetric matrices (..., d, d) of packed lower triangles inside a band."""
    row, column = np.tril_indices(d)
    band = next(b for b in range(d) if d * (b + 1) - b * (b + 1) // 2 == packed.shape[-1])
    row, column = row[row - column <= band], column[row - column <= band]
    whole = np.zeros((*packed.shape[:-1], d, d))
    whole[..., row, column] = packed * np.where(row == column, 1.0, 0.5**0.5)
    whole[..., column, row] = whole[..., row, column]
    return whole


def phi(spec, lam):
    """Return the functional of eigenvalues (..., d) in ascending order."""
    d, kind, index = spec["dim"], spec["functional"], spec["index"]
    named = {"middle": d // 2, "convex": d - 1, "concave": 0}
    k = named[index] if index in named else index % d
    if kind == "kth":
        return lam[..., k]
    if kind == "softmax":
        top, t = lam[..., -1], spec["t"]
        return top + t * np.log(np.exp((lam - top[..., None]) / t).sum(-1))
    if kind == "weighted":
        return lam @ np.array(spec["weights"])
    if kind in ("top_sum", "bottom_sum"):
        return (lam[..., d - spec["r"] :] if kind == "top_sum" else lam[..., : spec["r"]]).sum(-1)
    alpha = spec["alpha"]
    q, p = maximiser(lam, k, alpha, d - k), maximiser(lam, k, alpha, d - k - 1)
    return ((q - p) * (lam - alpha / 2 * (q + p))).sum(-1) + alpha / 2


def maximiser(lam, k, alpha, r):
    """Return q in [0, 1]^d of sum r that maximises <q, lam> - alpha / 2 |q|^2."""
    u = np.clip(lam - lam[..., k : k + 1], -alpha, alpha) / alpha
    nu = np.sort(np.concatenate([-u, 1 - u], -1), -1)
    sums = np.clip(u[..., None, :] + nu[..., :, None], 0, 1).sum(-1)
    at = np.maximum((sums <= r).sum(-1, keepdims=True) - 1, 0)
    to = np.minimum(at + 1, nu.shape[-1] - 1)
    (a, b), (low, high) = ([np.take_along_axis(v, i, -1) for i in (at, to)] for v in (sums, nu))
    rise = np.where(b > a, b - a, np.inf)
    return np.clip(u + low + (high - low) * np.clip((r - a) / rise, 0, 1), 0, 1)


def decision(model, members, X):
    """Return the decisions (rows, outputs) of rows (rows, columns)."""
    encoding, target = model["encoding"], model["target"]
    parts = list(zip(encoding["columns"], X.T, strict=True))
    for each in encoding.get("projections", ()):
        own = X[:, [encoding["names"].index(name) for name in each["names"]]]
        parts.append((each["column"], (own - each["centers"]) @ np.array(each["weights"])))
    values = np.hstack([np.ones((len(X), 1)), *(terms(column, t) for column, t in parts)])
    total = 0.0
    for member, params in zip(model["members"], members, strict=True):
        A = matrices(np.einsum("nt,otk->nok", values, params), member["spec"]["dim"])
        total = total + member["weight"] * phi(member["spec"], np.linalg.eigvalsh(A))
    return target["offset"] + target["scale"] * total


def predict(model, members, X):
    """Return the predictions (rows, outputs): the inverse link, between the ends of `clip`."""
    z = decision(model, members, np.asarray(X, dtype=float))
    if model["link"] == "softmax":
        powers = np.exp(z - z.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)
    link = {"log": np.exp, "logistic": lambda z: 1 / (1 + np.exp(-z))}
    # one pair of ends, or one for each of several targets; null is open
    ends = np.array(model["target"].get("clip", (None, None)), dtype=float)
    ends = np.where(np.isnan(ends), (-np.inf, np.inf), ends)
    return np.clip(link.get(model["link"], lambda z: z)(z), *ends.T)


if __name__ == "__main__":
    rows = np.genfromtxt(sys.stdin, delimiter=",", ndmin=2)
    np.savetxt(sys.stdout, predict(*read(sys.argv[1]), rows), "%.17g")
