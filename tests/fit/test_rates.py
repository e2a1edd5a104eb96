"""Exposures, offsets, weights of classes, and losses for rates, amounts and proportions."""

import mpmath
import numpy as np
import pytest

from eigcore import SpectralModel
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.estimators import SpectralRegressor
from eigcore.fit import fit, fit_stream, resume
from eigcore.fit.balance import shift_of, shifted
from eigcore.fit.losses import LOSSES, Targets, make_loss
from eigcore.report.scores import Seen

QUICK = {"dim": 2, "knots": 3, "penalty": 1e-3, "members": 2, "max_iter": 15, "validation": 0}
ROWS = 400


@pytest.fixture(scope="module")
def policies():
    rng = np.random.default_rng(0)
    table = {"age": rng.uniform(18, 80, ROWS), "power": rng.uniform(40, 200, ROWS)}
    years = rng.uniform(0.1, 1.0, ROWS)
    rate = np.exp(-1.0 - 0.02 * (table["age"] - 40) + 0.005 * (table["power"] - 100))
    return table, years, rng.poisson(years * rate), rng


def mp_loss(name, f, y):
    """Losses and deviances as in the literature, with fifty digits."""
    f, y = mpmath.mpf(f), mpmath.mpf(y)
    mu, p = mpmath.exp(f), mpmath.mpf(1.7)
    prob = 1 / (1 + mpmath.exp(-f))
    if name == "gamma":
        return y / mu + f, 2 * (y / mu - 1 - mpmath.log(y / mu))
    if name == "tweedie":
        unit = mu ** (2 - p) / (2 - p) - y * mu ** (1 - p) / (1 - p)
        return unit, 2 * (unit + y ** (2 - p) / ((1 - p) * (2 - p)))
    entropy = sum(q * mpmath.log(q) for q in (y, 1 - y) if q)
    own = -y * mpmath.log(prob) - (1 - y) * mpmath.log(1 - prob)
    return own, 2 * (own + entropy)


@pytest.mark.parametrize("name", ["gamma", "tweedie", "binomial"])
def test_values_slopes_and_curvatures_are_those_of_fifty_digits(name):
    loss = make_loss(name, variance_power=1.7)
    for f, y in [(-2.0, 0.3), (0.5, 1.0), (1.5, 0.75), *([(0.3, 0.0)] if name != "gamma" else [])]:
        here, target = np.array([f]), np.array([y])
        with mpmath.workdps(50):
            wanted, deviance = mp_loss(name, f, y)
            slope = mpmath.diff(lambda t, y=y: mp_loss(name, t, y)[0], f)
            bend = mpmath.diff(lambda t, y=y: mp_loss(name, t, y)[0], f, 2)
        value, own = loss(here, target)
        assert value == pytest.approx(float(wanted), rel=1e-14)
        assert own[0] == pytest.approx(float(slope), rel=1e-13)
        assert loss.deviance(here, target) == pytest.approx(float(deviance), rel=1e-12)
        up, down = (loss(here + h, target)[1][0] for h in (1e-5, -1e-5))
        assert (up - down) / 2e-5 == pytest.approx(float(bend), rel=1e-8)


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie", "binomial", "logistic", "squared"])
def test_an_offset_moves_the_decision_in_every_mean(name):
    rng, loss = np.random.default_rng(1), LOSSES[name]
    o, w = rng.normal(size=200), rng.uniform(0.5, 2.0, 200)
    y = (
        rng.integers(0, 2, 200).astype(float)
        if loss.link == "logistic"
        else rng.gamma(2.0, size=200)
    )
    f = rng.normal(size=200)
    value, slope = loss(f, y, w, o)
    assert value == loss(f + o, y, w)[0]
    assert np.array_equal(slope, loss(f + o, y, w)[1])
    assert loss.error(f, y, w, o) == loss.error(f + o, y, w)
    best = loss.constant(Targets(y, w, o))
    assert abs(loss(np.full(200, best), y, w, o)[1].sum()) < 1e-9


def test_an_exposure_gives_rates_and_predictions_of_totals(policies, tmp_path):
    table, years, claims, _ = policies
    whole = fit(table | {"years": years}, claims, loss="poisson", exposure="years", **QUICK)
    model = whole.model
    assert "years" not in model.encoding.names
    assert model.predict(table) @ years == pytest.approx(claims.sum(), rel=1e-9)
    # a Poisson total over e has the likelihood of a rate of weight e
    rates = fit(table, claims / years, loss="poisson", weights=years, **QUICK).model
    assert np.allclose(rates.predict(table), model.predict(table), rtol=1e-6)
    totals = model.predict(table | {"years": years}, exposure="years")
    assert np.allclose(totals, model.predict(table) * years)
    model.save(tmp_path / "m.eig")
    again = SpectralModel.load(tmp_path / "m.eig")
    same, _ = resume(again, table, claims, exposure=years, max_iter=0)
    assert np.allclose(same.predict(table), model.predict(table), rtol=1e-9)
    with pytest.raises(InvalidOption, match="exposure is left out, and the model was fitted with"):
        resume(again, table, claims)
    with pytest.raises(InvalidInput, match="Expected one finite number for each row, in the shape"):
        model.predict(table, exposure=[1.0, 2.0])
    assert any("per unit of exposure" in note for note in whole.report.notes)


def test_half_years_twice_are_a_year(policies):
    table, years, claims, _ = policies
    amounts = claims * 100.0
    both = {name: np.concatenate([c, c]) for name, c in table.items()}
    # of order 1 the problem is convex: one minimum, whatever the start
    options = QUICK | {"loss": "tweedie", "max_iter": 100, "dim": 1, "members": 1}
    once = fit(table, amounts, exposure=years, **options).model.predict(table)
    halves = np.concatenate([amounts, amounts]) / 2
    twice = fit(both, halves, exposure=np.concatenate([years, years]) / 2, **options).model
    assert np.allclose(twice.predict(table), once, rtol=1e-2)


def test_offsets_are_part_of_the_decision_in_every_loss(policies):
    table, years, claims, rng = policies
    known = rng.normal(size=ROWS)
    targets = {"poisson": claims, "squared": known + table["age"] / 40, "logistic": claims > 0}
    for loss, target in targets.items():
        model = fit(table, target, loss=loss, offset=known, **QUICK).model
        decision = model.decision(table) + known
        found = model.predict(table, offset=known)
        inverse = {
            "poisson": np.exp,
            "squared": np.array,
            "logistic": lambda z: 1 / (1 + np.exp(-z)),
        }
        assert np.allclose(found, inverse[loss](decision))
        assert np.mean(found) == pytest.approx(np.mean(target), rel=1e-3)
    # as an exposure, where only the logarithm of the years is left to the offset
    by_offset = fit(table, claims, loss="poisson", offset=np.log(years), **QUICK).model
    by_exposure = fit(table, claims, loss="poisson", exposure=years, **QUICK).model
    ratio = by_offset.predict(table) / by_exposure.predict(table)
    assert np.abs(ratio - 1.0).max() < 0.15


def test_trials_and_successes_are_proportions(policies):
    table, _, _, rng = policies
    trials = rng.integers(1, 9, ROWS)
    p = 1 / (1 + np.exp(-(table["age"] - 50) / 15))
    successes = rng.binomial(trials, p)
    model = fit(table, successes, loss="binomial", exposure=trials, **QUICK).model
    found = model.predict(table)
    assert np.abs(found - p).mean() < 0.1
    assert found @ trials == pytest.approx(successes.sum(), rel=1e-9)
    with pytest.raises(InvalidOption, match="expected proportions from 0 to 1, or counts of succ"):
        fit(table, successes, loss="binomial", **QUICK)
    single = {n: c.repeat(trials) for n, c in table.items()}
    order = np.concatenate([np.arange(n) < k for n, k in zip(trials, successes, strict=True)])
    rows = fit(single, order, **QUICK | {"max_iter": 60}).model.predict(table)
    longer = fit(table, successes, loss="binomial", exposure=trials, **QUICK | {"max_iter": 60})
    assert np.allclose(longer.model.predict(table), rows, atol=0.03)


def test_weights_of_classes_are_factors_of_weights(policies):
    table, _, claims, _ = policies
    bad = np.where(claims > 0, "yes", "no")
    share = (claims > 0).mean()
    model = fit(table, bad, class_weight={"yes": 3.0}, **QUICK).model
    plain = fit(table, bad, weights=np.where(claims > 0, 3.0, 1.0), **QUICK).model
    assert np.allclose(model.predict(table), plain.predict(table))
    even = fit(table, bad, class_weight="balanced", **QUICK).model
    own = np.where(claims > 0, 0.5 / share, 0.5 / (1 - share))
    assert np.average(even.predict(table), weights=own) == pytest.approx(0.5, rel=1e-6)
    same, _ = resume(even, table, bad, max_iter=0)
    assert np.allclose(same.predict(table), even.predict(table))
    with pytest.raises(InvalidOption, match="class_weight names 'maybe', which is no class"):
        fit(table, bad, class_weight={"maybe": 2.0}, **QUICK)
    with pytest.raises(InvalidOption, match="class_weight is given, and target 'y' holds numbers"):
        fit(table, claims, class_weight="balanced", **QUICK)


def test_a_stream_has_weights_exposure_and_offset_too(policies, tmp_path):
    table, years, claims, rng = policies
    trust = rng.uniform(0.5, 2.0, ROWS)
    whole = table | {"y": claims, "years": years, "o": np.log(trust), "w": trust}
    batches = [{n: c[part] for n, c in whole.items()} for part in (slice(150), slice(150, ROWS))]
    beside = {"weights": "w", "exposure": "years", "offset": "o"}
    options = QUICK | {"sample_rows": 200, "epochs": 4, "batch_rows": 100, "loss": "poisson"}
    model = fit_stream(batches, "y", **beside, **options).model
    assert set(model.encoding.names) == {"age", "power"}
    totals = model.predict(whole, exposure="years", offset="o")
    assert trust @ totals == pytest.approx(trust @ claims, rel=1e-6)
    memory = fit(whole, "y", **beside, **QUICK, loss="poisson").model
    assert (
        np.corrcoef(np.log(totals), np.log(memory.predict(whole, exposure="years", offset="o")))[
            0, 1
        ]
        > 0.9
    )
    with pytest.raises(InvalidOption, match="exposure has one value for each row, and the table"):
        fit_stream(batches, "y", exposure=years, **options)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"exposure": np.zeros(ROWS)},
            "exposure is all 0; expected one finite number for each of the",
        ),
        ({"offset": np.full(ROWS, 1e4)}, "offset holds 10000; expected .* from -700 to 700"),
        ({"exposure": "yers"}, "exposure names 'yers', .*; expected one of .* Write exposure='"),
        ({"offset": np.full(ROWS, np.nan)}, "offset holds missing or infinite numbers"),
        ({"exposure": np.ones(3)}, r"exposure has the shape \(3,\)"),
    ],
)
def test_what_is_beside_the_rows_must_be_usable(policies, given, message):
    table, _, claims, _ = policies
    with pytest.raises(InvalidOption, match=message):
        fit(table, claims, **given, **QUICK)
    with pytest.raises(InvalidOption, match="expected none for classes"):
        fit(table, claims > 0, exposure=np.ones(ROWS), **QUICK)


def test_frameworks_take_exposure_and_offset(policies):
    torch = pytest.importorskip("torch")
    table, years, claims, _ = policies
    model = fit(table, claims, loss="poisson", exposure=years, **QUICK).model
    X = np.stack(list(table.values()), 1)[:5]
    wanted = model.predict(X, exposure=years[:5], offset=np.full(5, 0.3))
    x = torch.tensor(X, requires_grad=True)
    found = model.predict(x, exposure=years[:5], offset=torch.full((5,), 0.3, dtype=x.dtype))
    assert np.allclose(found.detach().numpy(), wanted)
    found.sum().backward()
    assert x.grad.abs().sum() > 0


def test_predictions_have_the_bounds_that_were_asked_for(policies, tmp_path):
    table, _, claims, _ = policies
    free = fit(table, claims, loss="poisson", **QUICK).model
    least, most = clip = tuple(np.quantile(free.predict(table), (0.2, 0.8)).tolist())
    model = fit(table, claims, loss="poisson", clip=clip, **QUICK).model
    # the bounds move the balance, and nothing else
    free = shifted(free, shift_of(model) - shift_of(free))
    wanted = np.clip(free.predict(table), *clip)
    assert (wanted == least).any()
    assert (wanted == most).any()
    model.save(tmp_path / "m.eig")
    again = SpectralModel.load(tmp_path / "m.eig")
    assert np.allclose(again.predict(table), wanted, rtol=1e-14)
    assert again.to_bytes() == model.to_bytes()
    assert np.allclose(model.decision(table), free.decision(table), rtol=1e-14)
    assert np.allclose(model.explain(table).prediction, wanted, rtol=1e-12)
    box = {"age": 3.0, "power": 10.0}
    own, other = (m.certify(x=table, radius=box).local for m in (model, free))
    assert np.allclose(own.lower, np.clip(other.lower, *clip), rtol=1e-14)
    assert np.allclose(own.upper, np.clip(other.upper, *clip), rtol=1e-14)
    ends = model.range({"age": (18, 80), "power": (40, 200)}, budget_seconds=0.2)
    assert least <= ends.predicted_lower <= ends.predicted_upper <= most
    low, high = model.change("age", 20, 70).prediction
    assert low <= 1.0 <= high
    half, _ = resume(again, table, claims, max_iter=0)
    assert half.static.clip == clip
    with pytest.raises(InvalidOption, match="clip is given; expected none for three classes"):
        fit(table, np.array(["a", "b", "c"])[claims % 3], clip=(0, 0.5), **QUICK)
    for kind in ("torch", "jax"):
        pytest.importorskip(kind)
    X = np.stack(list(table.values()), 1)[:20]
    net, (params, apply) = model.to("torch"), model.to("jax")
    assert np.allclose(net(__import__("torch").tensor(X)).detach().numpy(), wanted[:20])
    assert np.allclose(np.asarray(apply(params, X)), wanted[:20])


def test_rows_without_exposure_say_nothing():
    """Amounts by claim: most policies have no claim."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    x, claims = rng.uniform(0, 1, 400), rng.poisson(0.5, 400)
    amount = np.where(claims > 0, claims * np.exp(5 + x) * rng.uniform(0.5, 1.5, 400), 0.0)
    options = {"loss": "gamma", "dim": 2, "knots": 2, "penalty": 1e-3, "members": 1}
    table, some = {"x": x, "claims": claims, "amount": amount}, claims > 0
    result = fit(table, "amount", exposure="claims", **options, validation=0)
    assert result.report.rows == some.sum()
    assert f"Left out {(~some).sum()} row(s) with exposure 0" in result.report.notes[0]
    own = {name: cells[some] for name, cells in table.items()}
    alone = fit(own, "amount", exposure="claims", **options, validation=0).model
    np.testing.assert_array_equal(alone.predict(table), result.model.predict(table))
    gone = table | {"amount": np.where(some, amount, np.nan)}
    assert fit(gone, "amount", exposure="claims", **options, validation=0).report.rows == some.sum()
    assert (result.model.predict(table, exposure="claims")[~some] == 0).all()
    page = Seen.of(result.model, table, None)
    assert len(page) == some.sum()
    assert page.notes[0].startswith(f"Left out {(~some).sum()} row(s) with exposure 0")
    assert not any("without the target" in note for note in page.notes)
    estimator = SpectralRegressor.from_model(result.model)
    scores = [
        estimator.score(
            pandas.DataFrame({"x": cells["x"]}), cells["amount"], exposure=cells["claims"]
        )
        for cells in (table, own)
    ]
    assert scores[0] == scores[1]
    batches = [{n: v[i : i + 100] for n, v in table.items()} for i in range(0, 400, 100)]
    streamed = {"epochs": 2, "batch_rows": 50, "block_rows": 200, "sample_rows": 300}
    model = fit_stream(batches, "amount", exposure="claims", **options, **streamed).model
    assert abs(np.log(model.predict(own, exposure="claims").sum() / own["amount"].sum())) < 0.1
    with pytest.raises(InvalidOption, match=r"exposure is 0 in 1 row\(s\) whose target is not 0"):
        fit(
            {"x": x, "amount": amount},
            "amount",
            exposure=claims * (np.arange(400) != np.argmax(claims)),
            **options,
        )
