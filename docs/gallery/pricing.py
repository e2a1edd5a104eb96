"""
A tariff that balances
======================

A motor insurer wants the pure premium of a policy: how many claims a year it brings, times what a
claim costs. Premiums must balance with the claims, separate good risks from bad ones, follow the
directions that the market knows, and stay within caps. Beside the model stand the generalised
linear models of the trade, by statsmodels.

The whole page runs by ``python docs/gallery/pricing.py``.
"""

# %%
# The policies
# ------------
#
# Policies last between a month and a year. One in eleven has a claim. Young drivers of strong cars
# claim more often than either would say alone; old cars cost less to mend.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf

from eigcore.fit import fit

ROWS, STEPS = 40000, [50, 57, 64, 76, 90, 100, 125]
rng = np.random.default_rng(1)

policies = pd.DataFrame(
    {
        "age": (18 + rng.gamma(2.4, 11, ROWS)).clip(18, 88).round(),
        "power": rng.gamma(9, 9, ROWS).clip(30, 220).round(),
        "car_age": rng.gamma(1.7, 4, ROWS).clip(0, 25).round(),
        "bonus": rng.choice(STEPS, ROWS, p=[0.4, 0.15, 0.13, 0.12, 0.1, 0.07, 0.03]),
        "region": rng.choice(["coast", "city", "hills", "plain"], ROWS, p=[0.2, 0.3, 0.15, 0.35]),
        "years": rng.uniform(1 / 12, 1, ROWS),
    }
)  # fmt: skip
young = np.exp(-(policies.age - 18) / 14)
where = policies.region.map({"coast": 0.0, "city": 0.35, "hills": 0.1, "plain": -0.15})
per_year = np.exp(
    -2.6
    + 0.9 * young
    + 1.3 * young * (policies.power - 75) / 60
    + 0.012 * (policies.bonus - 50)
    + where
)
policies["claims"] = rng.poisson(per_year * policies.years)
mean = 1500 * np.exp(0.006 * (policies.power - 80) - 0.04 * policies.car_age + 0.15 * (where > 0.3))
shape = 1.6
policies["amount"] = rng.gamma(shape * policies.claims.clip(1), mean / shape) * (
    policies.claims > 0
)

inputs = ["age", "power", "car_age", "bonus", "region"]
fitted, new = policies.iloc[: ROWS // 2], policies.iloc[ROWS // 2 :]
claimed = fitted[fitted.claims > 0]
print(f"{len(fitted)} policies, {fitted.years.sum():.0f} years, {fitted.claims.sum()} claims")

# %%
# Frequency and severity
# ----------------------
#
# The exposure of a policy is its years, that of an amount is its number of claims. The model
# predicts per unit of exposure. ``clip`` caps the mean cost of a claim, in the file and on every
# backend.

frequency = fit(
    fitted[[*inputs, "years", "claims"]],
    "claims",
    loss="poisson",
    exposure="years",
    increasing=["power", "bonus"],
    members=6,
    validation=0,
).model
severity = fit(
    claimed[[*inputs, "claims", "amount"]],
    "amount",
    loss="gamma",
    exposure="claims",
    increasing=["power"],
    decreasing=["car_age"],
    clip=(300, 4000),
    preset="quick",
    validation=0,
).model
print(frequency.certify())

# %%
# The trade's own models: bands for the ages, which do not act linearly, and log links.

terms = "C(pd.cut(age, [0, 21, 25, 30, 40, 60, 100])) + power + car_age + bonus + C(region)"
counts = smf.glm(
    "claims ~ " + terms, fitted, family=sm.families.Poisson(), exposure=fitted.years
).fit()
costs = smf.glm(
    "I(amount / claims) ~ " + terms,
    claimed,
    family=sm.families.Gamma(sm.families.links.Log()),
    var_weights=claimed.claims,
).fit()


def premiums(rows):
    """Return the pure premiums per year of policies, of both models."""
    found = pd.DataFrame(index=rows.index)
    found["eigcore"] = frequency.predict(rows[inputs]) * severity.predict(rows[inputs])
    found["GLM"] = counts.predict(rows, exposure=np.ones(len(rows))) * costs.predict(rows)
    found["truth"] = (per_year * mean).loc[rows.index]
    return found


# %%
# Balance
# -------
#
# On the fitted rows expected claims equal observed ones exactly. On new policies they agree as far
# as chance allows: the standard error of the ratio stands beside it.

totals = frequency.predict(fitted, exposure="years")
print(f"fitted rows: expected {totals.sum():.6f} of {fitted.claims.sum()} claims")
assert abs(totals.sum() / fitted.claims.sum() - 1) < 1e-6

expected = new.assign(expected=frequency.predict(new, exposure="years"))
by_region = expected.groupby("region")[["claims", "expected"]].sum()
by_region["observed/expected"] = by_region.claims / by_region.expected
by_region["standard error"] = by_region.expected**-0.5
print(by_region.round(3))

# %%
# Lift
# ----
#
# Who is charged more should cost more. New policies in ten groups of equal exposure, from the
# lowest premium to the highest: the mean premium beside the mean cost. The Gini coefficient says
# how well premiums sort costs; since the data are generated, the truth has one too, the best that
# any model can reach.

found = premiums(new)


def lift(premium, groups=10):
    """Return the mean premium and cost per year in groups of equal exposure."""
    order = np.argsort(premium.to_numpy())
    own = new.assign(premium=premium * new.years).iloc[order]
    group = np.minimum(own.years.cumsum() / own.years.sum() * groups, groups - 1e-9).astype(int)
    sums = own.groupby(group.to_numpy())[["premium", "amount", "years"]].sum()
    return sums.premium / sums.years, sums.amount / sums.years


def gini(premium):
    """Return twice the area between the diagonal and the Lorenz curve of costs by premium."""
    own = new.iloc[np.argsort(premium.to_numpy())]
    years, amounts = own.years.cumsum() / own.years.sum(), own.amount.cumsum() / own.amount.sum()
    return 1 - 2 * np.trapezoid(amounts, years)


def deviance(premium, power=1.5):
    """Return the mean Tweedie deviance per year."""
    y, mu = new.amount / new.years, premium
    unit = y ** (2 - power) / ((1 - power) * (2 - power)) - y * mu ** (1 - power) / (1 - power)
    return np.average(2 * (unit + mu ** (2 - power) / (2 - power)), weights=new.years)


print(f"{'':8}     Gini   deviance   observed/expected   error")
for name, premium in found.items():
    ratio = new.amount.sum() / (premium * new.years).sum()
    error = np.average(np.abs(premium / found.truth - 1), weights=new.years)
    print(f"{name:8}{gini(premium):9.4f}{deviance(premium):11.3f}{ratio:20.3f}{error:8.1%}")

figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.6), sharey=True, layout="constrained")
for ax, name in zip(axes, ["eigcore", "GLM"], strict=True):
    premium, cost = lift(found[name])
    ax.plot(premium.index + 1, premium, "o-", label="premium")
    ax.plot(cost.index + 1, cost, "s--", label="cost")
    ax.set(title=name, xlabel="tenth of the exposure, by premium")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("premium and cost per year")
axes[0].legend(frameon=False)

# %%
# What the two models disagree on
# -------------------------------
#
# The double lift: policies sorted by the ratio of the two premiums. Where they disagree most, which
# of the two is nearer to the cost?

ratio = found.eigcore / found.GLM
group = pd.qcut(ratio, 5, labels=False)
paid = new.assign(eigcore=found.eigcore * new.years, GLM=found.GLM * new.years)
double = paid.groupby(group)[["amount", "eigcore", "GLM"]].sum()
print((double.div(double.amount, axis=0)).round(3).rename_axis("fifth, by eigcore over GLM"))

# %%
# The curve of age for a weak and a strong car. Dashed: the GLM. Dotted: the truth.

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ages = np.arange(18, 75)
for power, colour in ((60, "#1f5fa8"), (130, "#d55e00")):
    driver = {"power": power, "car_age": 5, "bonus": 57, "region": "plain"}
    rows = pd.DataFrame({"age": ages, **driver})
    ax.plot(ages, frequency.predict(rows), color=colour, label=f"power {power}")
    ax.plot(ages, counts.predict(rows, exposure=np.ones(len(rows))), "--", lw=1, color=colour)
    known = np.exp(-(ages - 18) / 14)
    odds = -2.6 + 0.9 * known + 1.3 * known * (power - 75) / 60 + 0.012 * 7 - 0.15
    ax.plot(ages, np.exp(odds), ":", color=colour)
ax.set(xlabel="age", ylabel="claims per year")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, title="dashed: GLM, dotted: truth")

# %%
# Caps and bounds
# ---------------
#
# No claim is priced beyond the cap. By what the city is dearer than the plain is proven for drivers
# of all ages and cars of all powers, and so are the least and the largest cost of a claim in a new
# car.

assert severity.predict(new[inputs]).max() <= 4000
print(frequency.change("region", "plain", "city", {"car_age": 5, "bonus": 57}))
print(severity.range({"car_age": 0, "bonus": 57}))

# %%
# .. seealso::
#
#    :doc:`Rates, amounts, balance </fit>`, :doc:`bounds over a domain
#    </bounds>`.
