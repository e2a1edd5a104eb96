"""
A credit score that can be signed
=================================

A bank lends against houses. For each applicant it wants the probability that the loan goes well,
reasons that it may send to those whom it declines, and a document that its own auditors can check
without trusting the model's author. The data are generated in the manner of the public HELOC
table: scores of a bureau, special codes, few bad cases. Beside the model stands the usual tool of
the trade, a logistic scorecard over bins.

The whole page runs by ``python docs/gallery/credit.py``.
"""

# %%
# The applicants
# --------------
#
# −9 says that the bureau has no record, −7 that there never was a delinquency. Such codes are no
# numbers: what they mean is learned beside the numbers, never between them. Utilisation hurts more
# where the file is young.

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from eigcore import plots
from eigcore.fit import fit
from eigcore.guarantees import checker
from eigcore.report import report

ROWS = 9000
rng = np.random.default_rng(0)


def applicants(rows):
    """Draw applicants, and whether their loans went well."""
    risk = rng.normal(72, 10, rows).clip(35, 95).round()
    cells = pd.DataFrame(
        {
            "bureau": np.where(rng.random(rows) < 0.06, -9, risk),
            "months_clean": np.where(
                rng.random(rows) < 0.45, -7, rng.gamma(2, 11, rows).clip(0, 83)
            ).round(),
            "file_months": rng.gamma(1.6, 80, rows).clip(2, 600).round(),
            "utilisation": (100 * rng.beta(1.2, 2.2, rows)).round(),
            "inquiries": rng.poisson(1.4, rows).clip(0, 10),
        }
    )
    young = expit((90 - cells.file_months) / 25)
    odds = (
        2.3
        + 0.075 * (np.where(cells.bureau == -9, 64, cells.bureau) - 72)
        + 1.1 * (np.where(cells.months_clean == -7, 1, cells.months_clean / 83) - 0.7)
        - 0.022 * (cells.utilisation - 35) * (0.3 + 2.2 * young)
        - 0.5 * np.log1p(cells.inquiries)
    )
    return cells, np.where(rng.random(rows) < expit(odds), "good", "bad")


table, outcome = applicants(ROWS)
fitted, kept, new = np.split(np.arange(ROWS), [4 * ROWS // 9, 6 * ROWS // 9])
print(f"{len(fitted)} applicants to fit, {np.mean(outcome == 'bad'):.1%} bad")

# %%
# The model
# ---------
#
# Five columns have a direction that the bank can defend. The settings are left to the fit.

better = {"increasing": ["bureau", "months_clean", "file_months"]}
worse = {"decreasing": ["utilisation", "inquiries"]}
codes = {"bureau": [-9], "months_clean": [-7]}
result = fit(
    table.iloc[fitted].assign(outcome=outcome[fitted]),
    "outcome",
    **better,
    **worse,
    codes=codes,
    missing={"bureau": "between"},
    members=6,
    validation=0,
)
model = result.model
print(model.certify())

# %%
# Beside a scorecard
# ------------------
#
# The scorecard cuts each column into quantile bins, with a bin for each code, replaces cells by
# their weight of evidence, log(good/bad) in the bin, and adds these up by logistic regression.


def bins(column, cells):
    """Return the bin of each cell; codes have bins of their own."""
    known = table[column].to_numpy()[fitted]
    known = known[~np.isin(known, codes.get(column, []))]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, 8)[1:-1]))
    return np.where(np.isin(cells, codes.get(column, [])), -1, np.searchsorted(edges, cells))


def evidence(rows_of):
    """Replace each cell by the weight of evidence of its bin."""
    good = outcome[fitted] == "good"
    columns = []
    for column in table:
        own = bins(column, table[column].to_numpy()[fitted])
        weight = {
            place: logit((good[own == place].sum() + 0.5) / ((own == place).sum() + 1))
            for place in np.unique(own)
        }
        columns.append([weight[place] for place in bins(column, rows_of[column].to_numpy())])
    return np.transpose(columns)


scorecard = LogisticRegression(C=1e6).fit(evidence(table.iloc[fitted]), outcome[fitted])
probability = {
    "eigcore": model.predict(table.iloc[new]),
    "scorecard": scorecard.predict_proba(evidence(table.iloc[new]))[:, 1],
}
good = outcome[new] == "good"


def slope(p):
    """Return the slope of the outcome's log-odds over the predicted ones: 1 is calibrated."""
    return LogisticRegression(C=1e6).fit(logit(p)[:, None], good).coef_[0, 0]


print(f"{'':10}     AUC      KS  log loss   Brier   slope")
for name, p in probability.items():
    false, true, _ = roc_curve(good, p)
    numbers = roc_auc_score(good, p), np.max(true - false), log_loss(good, p)
    print(f"{name:10}" + "{:8.4f}{:8.4f}{:10.4f}{:8.4f}{:8.3f}".format(
        *numbers, brier_score_loss(good, p), slope(p)
    ))  # fmt: skip

# %%
# A step in the right direction must never cost points. The model cannot do it, by construction, and
# its certificate proves it. The bins of the scorecard follow the noise of their rows.


def punished(score):
    """Return the share of new applicants whom some improvement by one step makes worse."""
    found = np.zeros(len(new), bool)
    for column, step in {
        "bureau": 5,
        "months_clean": 12,
        "utilisation": -10,
        "inquiries": -1,
    }.items():
        known = ~np.isin(table[column].iloc[new], codes.get(column, []))
        moved = table.iloc[new].copy()
        low, high = table[column][fitted][table[column][fitted] >= 0].agg(["min", "max"])
        moved[column] = moved[column].where(~known, (moved[column] + step).clip(low, high))
        found |= known & (score(moved) < score(table.iloc[new]) - 1e-12)
    return found.mean()


shares = {
    "eigcore": punished(model.predict),
    "scorecard": punished(lambda rows: scorecard.predict_proba(evidence(rows))[:, 1]),
}
print("punished for an improvement:", {name: f"{share:.1%}" for name, share in shares.items()})
assert shares["eigcore"] == 0

# %%
# The curve of one column: the line is one applicant's probability, the band is proven.

typical = table.iloc[fitted].median().to_dict() | {"months_clean": 30.0}
shape = plots.ShapeDisplay.from_model(model, "utilisation", table.iloc[fitted], at=typical)

# %%
calibration = plots.CalibrationDisplay.from_model(model, table.iloc[new], outcome[new])

# %%
# Reasons
# -------
#
# Whoever is declined is told why: beside the best possible applicant, what cost most. Contributions
# are exact Shapley values; that of a certified column never has the wrong sign. A code and its
# column count together.

row = int(new[np.argsort(probability["eigcore"])[len(new) // 5]])
applicant = table.loc[row].to_dict()
print(f"good with probability {model.predict(applicant)[0]:.3f}:", applicant)
why = model.explain(applicant, baseline="highest", sample=table.iloc[fitted])
cost = Counter()
for reason in why.reasons(side="lower")[0]:
    cost[reason.column.removesuffix(" (code)")] -= reason.contribution
for place, (column, points) in enumerate(cost.most_common(4), 1):
    print(f"{place}. {column} is {applicant[column]:g}: {points:.2f} log-odds lost")

waterfall = plots.WaterfallDisplay.from_model(model, applicant, sample=table.iloc[fitted])

# %%
# And what would turn the decision at a probability of 0.75, by the column that the applicant can
# change:

change = model.counterfactual(applicant, 0.75, columns=["utilisation"])
print(change)

# %%
# Prediction sets
# ---------------
#
# A third of the applicants, whom the fit has not seen, calibrate sets of outcomes. A set of one
# outcome can be decided at once; one of both goes to a person. The set contains the true outcome as
# often as promised.

model = model.calibrate(table.iloc[kept], outcome[kept])
sets = model.prediction_sets(table.iloc[new], coverage=0.9).labels
covered = np.mean([own in found for own, found in zip(outcome[new], sets, strict=True)])
alone = np.mean([len(found) == 1 for found in sets])
print(f"asked 0.900, covered {covered:.3f}; decided at once: {alone:.1%}")

# %%
# Proof and hand-over
# -------------------
#
# The proof is checked by a program of 299 lines that needs nothing but Python: an auditor reads it,
# and runs a copy of it. The report is one page for everybody else; it holds no row of the table.

with tempfile.TemporaryDirectory() as folder:
    file, proof = Path(folder, "score.eig"), Path(folder, "score.proof.json")
    model.save(file)
    model.prove().save(proof)
    verify = [sys.executable, "-I", checker.__file__, str(file), str(proof)]
    verified = subprocess.run(verify, capture_output=True, text=True, check=True).stdout
    print(verified)
page = report(model, table.iloc[new].assign(outcome=outcome[new]))
print(f"hand-over document: {len(page) / 1000:.0f} kB of HTML")

# %%
# .. seealso::
#
#    :doc:`Explaining </explain>`, :doc:`intervals and sets </intervals>`, :doc:`proofs </proofs>`,
#    :doc:`the report </report>`.
