"""Every number of the chapter: ``python docs/rmt_chapter.py [FOLDER] [--picture FILE]``.

FOLDER holds ``elevators/data.csv.gz``, ``pol/data.csv.gz`` and ``higgs_small/data.csv.gz``: tables
with a header, the target in the last column. Without them type ``--synthetic``: tables of the same
shape are made, and the same decisions are worked through on those.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.optimize

from eigcore import rmt

UNITS, PILOT, FEW, HELD_OUT, DRAWS = 200, 1000, 300, 4000, 10
"""Hidden units, labelled rows of decisions 1 and 2, held-out rows, and repetitions."""
SIZES = (150, 300, 600, 1200, 2400, 4800)
RIDGES = np.geomspace(1e-4, 10, 26)
ROWS = 280
"""Rows of decision 3."""


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return columns (N, p), standardised, and target (N,), both in random order."""
    path = folder / name / "data.csv.gz"
    if not path.exists():
        raise SystemExit(
            f"{path} is not there; expected a table with the target in its last column. Give the "
            "folder as an argument, or type: python docs/rmt_chapter.py --synthetic"
        )
    return shuffled(np.genfromtxt(path, delimiter=",", skip_header=1))


def shuffled(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and the target of a table, standardised, in random order."""
    table = np.random.default_rng(0).permutation(table)
    table = (table - table.mean(0)) / table.std(0)
    return table[:, :-1], table[:, -1]


def synthetic(name: str, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return a made table in the shape of a real one: correlated columns, a curved target."""
    rng = np.random.default_rng(1)
    full, columns = {"elevators": (16599, 18), "pol": (15000, 26), "higgs_small": (10978, 28)}[name]
    factors = rng.standard_normal((3, columns)) * [[0.6], [0.4], [0.3]]
    x = rng.standard_normal((rows or full, columns))
    x += rng.standard_normal((len(x), 3)) @ factors
    y = np.tanh(x @ rng.standard_normal(columns) / 3) + 0.3 * rng.standard_normal(len(x))
    return shuffled(np.column_stack([x, y]))


def hidden(x: np.ndarray, units: int) -> np.ndarray:
    """Return a layer of random tanh units (N, units), standardised."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((x.shape[1], units)) / np.sqrt(x.shape[1])
    layer = np.tanh(x @ weights + rng.standard_normal(units))
    return (layer - layer.mean(0)) / layer.std(0)


def ridge(x: np.ndarray, y: np.ndarray, ridges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (p, k) for k ridges, and the degrees of freedom (k,) of each."""
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    values = np.where(values > 1e-12 * values[-1], values, np.inf)[:, None]
    weights = (vectors.T @ (x.T @ y) / len(x))[:, None] / (values + ridges)
    shares = np.where(np.isinf(values), 0.0, 1 / (1 + ridges / values))
    return vectors @ weights, shares.sum(0)


def errors(x: np.ndarray, y: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the mean squared error (k,) of coefficients (p, k)."""
    return ((y[:, None] - x @ coefficients) ** 2).mean(0)


def signal_and_noise(
    eigenvalues: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return β² (p,) and σ² that explain the training errors along the ridges.

    Predicted training errors are linear in both, so least squares with no negative share inverts
    them; β² is level within bands of eigenvalues.
    """
    p = len(eigenvalues)
    ends = np.unique(np.round(np.geomspace(1, p + 1, 8)).astype(int)) - 1
    place = np.arange(p)
    bands = [(place >= a) & (place < b) for a, b in pairwise(ends)]
    shapes = np.array([band / band.sum() / eigenvalues for band in bands] + [0.0 * eigenvalues])
    noise = np.eye(len(shapes))[-1]
    found = errors(x, y, ridge(x, y, RIDGES)[0])
    unit = rmt.ridge_risk(eigenvalues, shapes[:, None], noise[:, None], RIDGES, len(x)).train
    shares, _ = scipy.optimize.nnls((unit / found).T, np.ones(len(RIDGES)))
    return shares @ shapes, float(shares[-1])


def split(x: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the number of held-out rows, and the covariance's eigenvalues (p,) on the others.

    They need no labels.
    """
    held = HELD_OUT * len(x) // 16599
    return held, np.linalg.eigvalsh(np.cov(x[held:].T, bias=True))[::-1]


def how_much_data(x: np.ndarray, y: np.ndarray, pilot: int = PILOT, draws: int = DRAWS) -> dict:
    """Decision 1: predict the learning curve from pilots; then measure it, with their ridges."""
    held, eigenvalues = split(x)
    sizes = [*(n for n in SIZES if n < len(x) - held), len(x) - held]
    predicted, measured, floors = np.zeros((draws, len(sizes))), np.zeros((draws, len(sizes))), []
    for draw in range(draws):
        order = held + np.random.default_rng(draw).permutation(len(x) - held)
        beta, noise = signal_and_noise(eigenvalues, x[order[:pilot]], y[order[:pilot]])
        floors.append(noise**0.5)
        for k, n in enumerate(sizes):
            best = rmt.best_ridge(eigenvalues, beta, noise, n)
            w, _ = ridge(x[order[-n:]], y[order[-n:]], np.array([best.gamma]))
            predicted[draw, k] = float(best.risk.test) ** 0.5
            measured[draw, k] = errors(x[:held], y[:held], w)[0] ** 0.5
    parts = [each(a, 0) for a in (predicted, measured) for each in (np.mean, np.std)]
    rows = list(zip(sizes, *parts, strict=True))
    return {"rows": rows, "floor": np.mean(floors), "pilot": pilot}


def which_ridge(x: np.ndarray, y: np.ndarray, few: int = FEW, draws: int = DRAWS) -> dict:
    """Decision 2: ridges chosen by theory, by GCV and by five folds, judged on held-out rows."""
    held, eigenvalues = split(x)
    risks, gammas, curves = [], [], []
    for seed in range(draws):
        chosen = held + np.random.default_rng(seed).choice(len(x) - held, few, replace=False)
        a, b = x[chosen], y[chosen]
        beta, noise = signal_and_noise(eigenvalues, a, b)
        theory = float(rmt.best_ridge(eigenvalues, beta, noise, few).gamma)
        w, freedom = ridge(a, b, RIDGES)
        gcv = errors(a, b, w) / (1 - freedom / few) ** 2
        fold = np.arange(few) % 5
        left_out = [errors(a[fold == k], b[fold == k], ridge(a[fold != k], b[fold != k], RIDGES)[0])
                    for k in range(5)]  # fmt: skip
        true = errors(x[:held], y[:held], w)
        picks = [theory, RIDGES[gcv.argmin()], RIDGES[np.mean(left_out, 0).argmin()]]
        picks += [RIDGES[true.argmin()], 0.0]
        risks.append(errors(x[:held], y[:held], ridge(a, b, np.array(picks))[0]))
        gammas.append(picks)
        predicted = rmt.ridge_risk(eigenvalues, beta, noise, RIDGES, few).test
        curves.append((predicted, gcv, np.mean(left_out, 0), true))
    names = ("theory", "gcv", "five folds", "in hindsight", "no ridge")
    rows = zip(names, np.median(gammas, 0), np.mean(risks, 0) ** 0.5, strict=True)
    return {"rows": list(rows), "curves": np.mean(curves, 0) ** 0.5, "few": few}


def is_it_signal(x: np.ndarray, n: int = ROWS) -> dict:
    """Decision 3: eigenvalues of the correlations of n rows, and of the same rows shuffled."""
    rng = np.random.default_rng(0)
    few = x[:n]
    law = rmt.marchenko_pastur(few.shape[1] / (n - 1))
    lost = np.column_stack([rng.permutation(column) for column in few.T])
    here, null, everywhere = (np.linalg.eigvalsh(np.corrcoef(a.T)) for a in (few, lost, x))
    found, nothing = (rmt.overlay(a, law, standardised=True) for a in (here, null))
    strengths = everywhere[::-1][:3] - 1
    predicted = np.asarray(rmt.spiked(strengths, few.shape[1] / (n - 1)).spikes())
    return {"found": found, "shuffled": nothing, "everywhere": everywhere[::-1], "rows": n,
            "predicted": predicted}  # fmt: skip


def false_alarms(draws: int = 200, n: int = 300, p: int = 60) -> dict[str, tuple[float, float]]:
    """Return the share of pure noise that is called signal at 1 %, by covariance and correlation.

    Theory says .01 for independent rows of Gaussian columns. The others break its assumptions.
    """

    def remembering(rng: np.random.Generator) -> np.ndarray:
        rows = [rng.standard_normal(p)]
        for _ in range(n - 1):
            rows.append(0.5 * rows[-1] + 0.75**0.5 * rng.standard_normal(p))
        return np.array(rows)

    kinds = {
        "Gaussian": lambda rng: rng.standard_normal((n, p)),
        "uniform": lambda rng: rng.uniform(-(3**0.5), 3**0.5, (n, p)),
        "Student t, 5 degrees": lambda rng: rng.standard_t(5, (n, p)) * 0.6**0.5,
        "Student t, 3 degrees": lambda rng: rng.standard_t(3, (n, p)) / 3**0.5,
        "rows that remember (.5)": remembering,
        "every row twice": lambda rng: np.repeat(rng.standard_normal((n // 2, p)), 2, axis=0),
    }
    law, alarms = rmt.marchenko_pastur(p / n), {}
    for name, draw in kinds.items():
        tables = [draw(np.random.default_rng(seed)) for seed in range(draws)]
        tops = [
            [np.linalg.eigvalsh(a)[-1] for a in (x.T @ x / n, np.corrcoef(x.T))] for x in tables
        ]
        p_values = rmt.largest_eigenvalue_p_value(np.array(tops), law, n)
        alarms[name] = tuple((np.asarray(p_values) < 0.01).mean(0).tolist())
    return alarms


def leverage(x: np.ndarray) -> float:
    """Return the largest leverage of a row over the mean one; N/p where one row is a direction."""
    left = np.linalg.svd(x, full_matrices=False)[0]
    share = (left**2).sum(1)
    return float(share.max() / share.mean())


def heavy_rows(x: np.ndarray, y: np.ndarray, n: int = 360, gamma: float = 0.1) -> dict:
    """Return predicted and measured error of a ridge where single rows make up directions."""
    held = HELD_OUT * len(x) // 16599
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    w = np.linalg.lstsq(x[held:], y[held:], rcond=None)[0]
    noise = ((y[held:] - x[held:] @ w) ** 2).mean()
    risk = rmt.ridge_risk(np.maximum(values, 0), (vectors.T @ w) ** 2, noise, gamma, n)
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        chosen = held + rng.choice(len(x) - held, n, replace=False)
        found += list(errors(x[:held], y[:held], ridge(x[chosen], y[chosen], np.array([gamma]))[0]))
    return {"predicted": float(risk.test) ** 0.5, "measured": float(np.mean(found)) ** 0.5}


def told_ideas() -> None:
    """Print the numbers of the ideas."""
    c = 28 / (ROWS - 1)
    law, seen = rmt.marchenko_pastur(c), rmt.spiked([1.0], 0.1)
    inner = rmt.overlay(np.linspace(0.5, 1.7, 28), law).band()[-1]
    print(
        f"28 columns, {ROWS} rows: noise from {law.support()[0].round(2)}; largest {inner.round(2)}"
    )
    print(f"variance 2 at p/n = .1: seen {seen.spikes()[0]:.2f}, overlap {seen.overlaps()[0]:.2f}")
    white = np.ones(150), np.full(150, 1 / 150), 0.5
    risk = rmt.ridge_risk(*white, 0.1, 300)
    print(f"κ {risk.kappa:.3f}, df1 {risk.df1:.1f}, test {risk.test:.3f}, train {risk.train:.3f}")
    peak = rmt.ridge_risk(*white, 1e-6, np.array([100, 150, 300])).test
    best = [float(rmt.best_ridge(*white, n).risk.test) for n in (100, 150, 300)]
    print(f"100, 150, 300 rows: no ridge {peak.round(2)}, best ridge {np.round(best, 2)}")


def told_data(found: dict) -> None:
    """Print decision 1."""
    print(f"\n1. How much data? Predicted from {found['pilot']} labelled rows")
    print("| rows | predicted error | measured error | predicted / measured |")
    for n, predicted, p_spread, measured, m_spread in found["rows"]:
        said = f"{predicted:.3f} ± {p_spread:.3f} | {measured:.3f} ± {m_spread:.3f}"
        print(f"| {n} | {said} | {predicted / measured:.3f} |")
    print(f"noise floor {found['floor']:.3f}")


def told_ridge(found: dict) -> None:
    """Print decision 2."""
    print(f"\n2. Which ridge? {found['few']} labelled rows")
    print("| chosen by | ridge (median) | held-out error |")
    for name, gamma, error in found["rows"]:
        print(f"| {name} | {gamma:.3g} | {error:.4f} |")


def told_signal(found: dict) -> None:
    """Print decision 3."""
    here, null = found["found"], found["shuffled"]
    print(f"\n3. Is it signal? {found['rows']} rows, {len(here.eigenvalues)} columns")
    print(here)
    print(f"largest {here.eigenvalues[::-1][:6].round(3)}; upper edge {here.edges[-1].place:.3f}")
    print(f"on all rows {found['everywhere'][:6].round(3)}")
    print(f"the first three of them, predicted for {found['rows']} rows {found['predicted']}")
    for name, each in (("here", here), ("shuffled", null)):
        above = (each.eigenvalues > 1).sum()
        top, p = each.eigenvalues[-1], each.p_value
        said = f"largest {top:.3f}, p {p:.2g}; {above} above 1; {len(each.outliers)} outliers"
        print(f"{name}: {said}; bulk {each.bulk.told if each.bulk else each.untested}")


def picture(path: str, data: dict, ridges: dict, signal: dict) -> None:
    """Draw the three decisions."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    n, predicted, p_spread, measured, m_spread = np.array(data["rows"]).T
    axes[0].errorbar(n, measured, m_spread, fmt="o", capsize=3, color="black", label="measured")
    axes[0].plot(n, predicted, label=f"predicted from {data['pilot']} rows")
    axes[0].fill_between(n, predicted - p_spread, predicted + p_spread, alpha=0.25)
    axes[0].axhline(data["floor"], linestyle=":", color="gray", label="predicted floor")
    axes[0].set(
        xscale="log", xlabel="labelled rows", ylabel="held-out error", title="How much data?"
    )
    names = ("predicted", "GCV", "five folds", "held-out rows")
    styles = ("-", "--", "-.", "o")
    for name, style, curve in zip(names, styles, ridges["curves"], strict=True):
        color = "black" if style == "o" else None
        axes[1].plot(RIDGES, curve, style, markersize=4, color=color, label=name)
    title = f"Which ridge? {ridges['few']} rows"
    axes[1].set(xscale="log", xlabel="ridge γ", title=title, ylabel="error")
    axes[1].set_ylim(top=2 * ridges["curves"].min())
    law, here = signal["found"].law, signal["found"].eigenvalues[::-1]
    k = np.arange(1, len(here) + 1)
    expected = np.asarray(law.quantile(1 - (k - 0.5) / len(k)))
    axes[2].plot(k, here, "o", color="black", markersize=4, label=f"{signal['rows']} rows")
    shuffled = signal["shuffled"].eigenvalues[::-1]
    axes[2].plot(k, shuffled, "x", markersize=4, label="the same, shuffled")
    axes[2].plot(k, expected, label="law of pure noise")
    axes[2].axhspan(*signal["found"].band()[-1], alpha=0.3, color="tab:green", label="edge, 95 %")
    axes[2].set(xlabel="rank", ylabel="eigenvalue", title="Is it signal?")
    for each in axes:
        each.legend(fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Print every number of the chapter."""
    parser = argparse.ArgumentParser(prog="python docs/rmt_chapter.py", description=__doc__)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("folder", nargs="?", type=Path, default=beside)
    parser.add_argument("--synthetic", action="store_true", help="made tables of the same shape")
    parser.add_argument("--picture", metavar="FILE", help="draw the decisions, .png or .svg")
    options = parser.parse_args(arguments)
    tables = {
        name: synthetic(name) if options.synthetic else read(options.folder, name)
        for name in ("elevators", "pol", "higgs_small")
    }
    x, y = tables["elevators"]
    layer = hidden(x, UNITS)
    data, ridges = how_much_data(layer, y), which_ridge(layer, y)
    signal = is_it_signal(tables["higgs_small"][0])
    told_ideas()
    told_data(data)
    told_ridge(ridges)
    told_signal(signal)
    print("\n4. Where it fails")
    print("| noise | false alarms at 1 %, covariance | correlation |")
    for name, (one, other) in false_alarms().items():
        print(f"| {name} | {one:.3f} | {other:.3f} |")
    wide = leverage(x), leverage(layer)
    heavy = heavy_rows(x, y)
    print(f"largest leverage over the mean: raw columns {wide[0]:.0f}, hidden units {wide[1]:.0f}")
    print(f"raw columns: predicted {heavy['predicted']:.3f}, measured {heavy['measured']:.3f}")
    other = hidden(tables["pol"][0], UNITS)
    print(f"\npol: largest leverage over the mean {leverage(other):.0f}")
    told_ridge(which_ridge(other, tables["pol"][1], few=600))
    if options.picture:
        picture(options.picture, data, ridges, signal)


if __name__ == "__main__":
    main(sys.argv[1:])
