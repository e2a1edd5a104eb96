"""
A fuel curve with an optimum
============================

A ship burns more fuel the faster it goes, the deeper it lies and the higher the waves are; and
the faster it goes, the more each further knot costs. From a hundred noon reports an engineer
wants the curve, with these shapes guaranteed, a speed at which a mile is cheapest, bands that
hold, and code for the ship's computer. Beside the model stands convex regression by SciPy.

The whole page runs by ``python docs/gallery/engineering.py``.
"""

# %%
# The reports
# -----------
#
# Speed in knots, draft and waves in metres, fuel in tonnes a day; 6 % of noise. In head seas (high
# waves) a knot costs more.

import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import lsq_linear, minimize_scalar

from eigcore.convert import convert
from eigcore.fit import fit

rng = np.random.default_rng(2)


def fuel_of(rows):
    """Return the fuel that a ship burns."""
    hull = 0.0115 * rows["speed"] ** 3 * (rows["draft"] / 10) ** 0.67
    return 3 + hull * (1 + 0.05 * rows["waves"] ** 1.5)


def reports(count):
    """Draw noon reports."""
    rows = {
        "speed": rng.uniform(8, 18, count).round(1),
        "draft": rng.choice([7.5, 9.0, 10.5, 12.0], count) + rng.normal(0, 0.2, count).round(1),
        "waves": rng.gamma(2, 0.7, count).clip(0, 5).round(1),
    }
    return rows, fuel_of(rows) * np.exp(rng.normal(0, 0.06, count))


(table, fuel), (kept, kept_fuel), (new, new_fuel) = reports(120), reports(100), reports(2000)

# %%
# The curve
# ---------
#
# Increasing in all columns, convex in the speed whatever the others are: the certificate proves
# both.

rising = ["speed", "draft", "waves"]
shape = {"speed": "convex"}
model = fit(table | {"fuel": fuel}, "fuel", increasing=rising, shape=shape, validation=0).model
print(model.certify())

# %%
# Convex regression
# -----------------
#
# The tool of the trade: a sum of hinges max(0, speed − knot) with coefficients of at least 0 is
# convex and increasing; draft and waves have increasing steps of lines. It is a least-squares
# problem with bounds, which SciPy solves at once. It is additive: a knot costs the same in any sea.

knots = {name: np.quantile(table[name], np.linspace(0, 1, 8)[:-1]) for name in rising}


def hinges(rows):
    """Return the terms (rows, terms) of the convex regression."""
    speed = [np.maximum(0, rows["speed"] - knot) for knot in knots["speed"]]
    others = [
        np.clip(rows[name], low, high) - low
        for name in ("draft", "waves")
        for low, high in zip(knots[name], [*knots[name][1:], np.inf], strict=True)
        if high > low
    ]
    return np.column_stack([np.ones(len(rows["speed"])), *speed, *others])


terms = hinges(table)
least = np.array([-np.inf] + [0] * (terms.shape[1] - 1))
plain = lsq_linear(terms, fuel, bounds=(least, np.inf)).x
logarithm = lsq_linear(terms, np.log(fuel), bounds=(least, np.inf)).x
predicted = {
    "eigcore": model.predict(new),
    "SciPy": hinges(new) @ plain,
    "SciPy, logarithms": np.exp(hinges(new) @ logarithm),
}
print(f"{'t/day':18}    RMSE   RMSE to the truth   mean error")
for name, p in predicted.items():
    rmse, true = np.sqrt(np.mean((p - new_fuel) ** 2)), np.sqrt(np.mean((p - fuel_of(new)) ** 2))
    print(f"{name:18}{rmse:8.3f}{true:20.3f}{np.mean(p - fuel_of(new)):13.3f}")

# %%
# The curve in calm and in heavy sea, with bands in which a report lies with probability 0.9. A
# hundred other reports calibrate them; whatever the noise, the promise holds.

model = model.calibrate(kept, kept_fuel)
ends = model.interval(new, coverage=0.9)
print(f"asked 0.900, covered {np.mean((ends.lower <= new_fuel) & (new_fuel <= ends.upper)):.3f}")

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
speeds = np.linspace(8, 18, 101)
for waves, colour in ((0.5, "#1f5fa8"), (3.0, "#d55e00")):
    rows = {"speed": speeds, "draft": np.full(101, 10.5), "waves": np.full(101, waves)}
    band = model.interval(rows, coverage=0.9)
    ax.fill_between(speeds, band.lower, band.upper, color=colour, alpha=0.15, lw=0)
    ax.plot(speeds, model.predict(rows), color=colour, label=f"waves {waves} m")
    ax.plot(speeds, hinges(rows) @ plain, "--", color=colour, lw=1)
    ax.plot(speeds, fuel_of(rows), ":", color=colour)
ax.set(xlabel="speed, knots", ylabel="fuel, t/day")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="dashed: SciPy, dotted: truth")

# %%
# The cheapest mile
# -----------------
#
# A day costs 9000 for the ship and 500 for a tonne of fuel. Where fuel F(v) is convex in the speed
# v, the cost of a mile, (9000 + 500 F(v)) / 24 v, falls up to one speed and rises beyond it (its
# level sets c + 500 F(v) ≤ 24 θ v are intervals). So a search in one direction finds the cheapest
# speed of all.

sea = {"draft": 10.5, "waves": 1.5}


def mile(rows, burnt):
    """Return the cost of a mile."""
    return (9000 + 500 * burnt) / (24 * rows["speed"])


def at(speed):
    """Return one row at this speed."""
    return {name: np.array([cell]) for name, cell in ({"speed": speed} | sea).items()}


burns = {"eigcore": model.predict, "SciPy": lambda rows: hinges(rows) @ plain, "truth": fuel_of}
for name, burn in burns.items():
    cheapest = minimize_scalar(
        lambda speed, burn=burn: mile(at(speed), burn(at(speed)))[0],
        bounds=(8, 18),
        method="bounded",
    ).x
    true = mile(at(cheapest), fuel_of(at(cheapest)))[0]
    print(f"{name:8} {cheapest:6.2f} knots, true cost of a mile {true:.2f}")

# %%
# What is not a curve of one column is searched with a proof: the most and the least that the model
# can say in any sea of a domain, and the rows that reach it.

print(model.range({"speed": (10, 14), "draft": (9, 12), "waves": (0, 3)}))

# %%
# Slow steaming by contract: up to which speed does the upper end of the band stay below 30 t a day
# in this sea? The curve never falls, so bisection finds it.

low, high = 8.0, 18.0
while high - low > 1e-6:
    middle = (low + high) / 2
    upper = model.interval({"speed": middle, **sea}, coverage=0.9).upper[0]
    low, high = (middle, high) if upper < 30 else (low, middle)
print(f"band below 30 t a day up to {low:.2f} knots")

# %%
# To the ship
# -----------
#
# One file of C99 without dependencies, compiled and compared here.

with tempfile.TemporaryDirectory() as folder:
    source, program = Path(folder, "fuel.c"), Path(folder, "fuel")
    convert(model, source)
    print(f"{source.name}: {source.stat().st_size / 1000:.0f} kB")
    if compiler := shutil.which("cc"):
        build = [compiler, "-O2", "-DFUEL_MAIN", str(source), "-o", str(program), "-lm"]
        subprocess.run(build, check=True)
        rows = np.column_stack([new[name] for name in model.encoding.names])[:200]
        lines = "\n".join(",".join(f"{cell:.17g}" for cell in row) for row in rows)
        told = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
        far = np.abs(np.loadtxt(told.stdout.splitlines()) - model.predict(rows)).max()
        print(f"largest difference of 200 predictions: {far:.1e} t/day")

# %%
# .. seealso::
#
#    :doc:`Bounds over a domain </bounds>`, :doc:`intervals </intervals>`, :doc:`other worlds
#    </convert>`.
