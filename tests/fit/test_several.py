"""Several targets in one fit: units, certificates, file, backends, estimators, command."""

import json

import numpy as np
import pytest
import samples

from eigcore import SpectralModel
from eigcore.cli import main
from eigcore.errors import InvalidInput, InvalidOption
from eigcore.estimators import SpectralClassifier, SpectralRegressor
from eigcore.fit import fit, fit_stream, resume

QUICK = {"knots": 4, "dim": 3, "members": 2, "penalty": 1e-3, "max_iter": 15, "validation": 0}
NAMES = ["heat", "cost"]


@pytest.fixture(scope="module")
def house():
    return samples.house()


@pytest.fixture(scope="module")
def both(house):
    return fit(house, NAMES, **QUICK, increasing=["a"])


def wanted(table):
    return np.stack([table[name] for name in NAMES], 1)


def test_every_target_is_fitted_as_if_alone(house, both):
    model, y = both.model, wanted(house)
    found = model.predict(house)
    assert found.shape == y.shape
    inputs = {name: house[name] for name in "ab"}
    for place, name in enumerate(NAMES):
        alone = fit(inputs, house[name], **QUICK, increasing=["a"]).model.predict(inputs)
        apart = [np.sqrt(np.mean((f - y[:, place]) ** 2)) for f in (found[:, place], alone)]
        assert apart[0] < 2 * apart[1] < 0.1 * y[:, place].std()
        assert f"R² of {name}" in both.report.model.metrics
    assert both.report.metric == "RMSE in standard deviations"
    relative = np.sqrt(np.mean((found - y) ** 2, 0)) / y.std(0)
    assert both.report.model.train == pytest.approx(relative.mean(), rel=1e-3)
    assert both.report.model.train < 0.3 * both.report.linear.train


def test_each_target_has_a_model_certificates_and_proofs(house, both, tmp_path):
    both.model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    assert model.static.targets == tuple(NAMES)
    found = model.predict(house)
    for place, name in enumerate(NAMES):
        one = model.target(name)
        np.testing.assert_array_equal(one.predict(house), found[:, place])
        column = one.certify().columns[0]
        assert (column.increasing, column.slack) == (True, 0.0)
        low = one.range({"a": (1, 2), "b": (0, 5)})
        inside = found[(house["a"] >= 1) & (house["a"] <= 2), place]
        assert low.predicted_lower <= inside.min() <= inside.max() <= low.predicted_upper
        assert any(claim["kind"] == "slope" for claim in one.prove().claims)
    slopes = [model.target(name).certify().columns[0].bound for name in NAMES]
    assert slopes[1] > 1e5 * slopes[0] > 0
    with pytest.raises(InvalidInput, match=r"The target is 'heta'.*heat, cost"):
        model.target("heta")


def test_backends_agree(house, both):
    torch = pytest.importorskip("torch")
    table = both.model.encoding.table(house)
    expected = both.model.predict(house)
    own = both.model.to("torch")(torch.tensor(table)).detach().numpy()
    np.testing.assert_allclose(own, expected, rtol=1e-12)
    np.testing.assert_allclose(both.model.predict(house, backend="numpy"), expected, rtol=1e-12)
    assert both.model.of(both.model.to("torch")).static.targets == tuple(NAMES)


def test_a_fit_goes_on_in_the_units_it_had(house, both):
    y = wanted(house)
    same, _ = resume(both.model, house, NAMES, max_iter=0)
    np.testing.assert_allclose(same.predict(house), both.model.predict(house), rtol=1e-5)
    more, _ = resume(both.model, house, NAMES, max_iter=10)
    before, after = (((m.predict(house) - y) / y.std(0)).std() for m in (same, more))
    assert after < before
    assert more.target("cost").certify().columns[0].increasing
    with pytest.raises(InvalidOption, match="the same targets"):
        resume(both.model, house, NAMES[::-1])
    with pytest.raises(InvalidOption, match="the same targets"):
        resume(both.model, house, "heat")


@pytest.mark.parametrize("loss", ["absolute", "quantile", "huber"])
def test_other_losses_of_numbers(house, loss):
    told = {"loss": loss} | ({"quantile": 0.9} if loss == "quantile" else {})
    found = fit(house, NAMES, **QUICK, **told).model.predict(house) - wanted(house)
    part = (found > 0).mean(0)
    assert (np.abs(part - told.get("quantile", 0.5)) < 0.15).all()


def test_intervals_cover_each_target(house):
    model = fit(
        house, NAMES, **QUICK, calibration=0.3, neuron={"functional": "top_sum", "r": 2}
    ).model
    apart = model.predict(house) - wanted(house)
    assert (apart.std(0) < 0.1 * wanted(house).std(0)).all()
    assert (np.abs(apart.mean(0)) < apart.std(0)).all()
    low, high = model.interval(house, 0.8)
    inside = (low <= wanted(house)) & (wanted(house) <= high)
    assert inside.shape == (200, 2)
    assert (inside.mean(0) > 0.7).all()


def test_values_may_be_an_array_or_a_frame(house):
    pandas = pytest.importorskip("pandas")
    inputs, y = {name: house[name] for name in "ab"}, wanted(house)
    quick = QUICK | {"max_iter": 2}
    model = fit(inputs, y, **quick).model
    assert model.static.targets == ("y0", "y1")
    frame = pandas.DataFrame(house)
    other = fit(frame[["a", "b"]], frame[NAMES], **quick).model
    assert other.static.targets == tuple(NAMES)
    np.testing.assert_array_equal(other.predict(inputs), model.predict(inputs))
    assert fit(house | {"cost": np.arange(200)}, ["heat"], **quick).model.outputs == 1
    gone = frame.assign(cost=[None, *house["cost"][1:]])
    with pytest.raises(InvalidInput, match="'heat, cost' is missing in 1 of 200"):
        fit(gone, NAMES, **quick)
    kept = fit(gone, NAMES, **quick, drop_rows_without_target=True)
    assert kept.report.rows == 199


def test_targets_keep_the_names_they_have(house):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame, quick = pandas.DataFrame(house), QUICK | {"max_iter": 1}
    x, signs = frame[["a", "b"]], pandas.Series(house["a"] > 2, name="large")
    for target in (frame["cost"], polars.Series("cost", house["cost"]), frame[["cost"]]):
        result = fit(x, target, **quick)
        assert result.report.target == result.model.static.target_name == "cost"
    assert fit(x, house["cost"], **quick).report.target == "y"
    note = fit(x, signs.astype(int), **quick).report.notes[0]
    assert note.startswith("Target 'large' holds the numbers 0 and 1")
    parameters = {"knots": 2, "dim": 2, "penalty": 1e-3, "n_estimators": 1, "max_iter": 1}
    model = SpectralRegressor(**parameters).fit(x, frame["cost"])
    assert model.report_.target == "cost"
    assert model.partial_fit(x, frame["cost"]).model_.static.target_name == "cost"
    assert SpectralRegressor(**parameters).fit(x, frame[NAMES]).model_.static.targets == (*NAMES,)
    classifier = SpectralClassifier(**parameters).fit(x, signs)
    assert classifier.report_.target == "large"


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (["heat", "costs"], {}, "names 'costs', which is not a column.*did you mean 'cost'"),
        (NAMES, {"loss": "logistic"}, "loss is 'logistic'.*for several targets"),
        (NAMES, {"loss": "poisson"}, "loss is 'poisson', and target 'heat' has values from -"),
        (NAMES, {"clip": (0, 1)}, r"ends of some targets by name.*clip=\{'heat': \(0.0, 1.0\)\}"),
        (NAMES, {"clip": {"hea": (0, 1)}}, "names 'hea', which is not a target.*mean 'heat'"),
        (NAMES, {"clip": {"heat": (1, 0)}}, "a mapping of targets to such ends"),
        (NAMES, {"neuron": {"functional": "smooth", "alpha": 0.1}}, "for several targets, a func"),
        (
            NAMES,
            {"neuron": {"functional": "weighted", "weights": [-1.0, 0.0, 1.0]}},
            "sum is not zero",
        ),
        (NAMES, {"offset": "b"}, "offset is one for all targets; expected one for each target, in"),
        (
            NAMES,
            {"offset": {"hea": "b"}},
            r"'hea', which is not a name of sev.*=\{'heat': 'b'\}\.$",
        ),
        (NAMES, {"offset": {"hea": np.ones(200)}}, r"Write offset=\{'heat': 'a_column'\}\.$"),
        ("heat", {"offset": {"heat": "b"}}, "expected none, for there is no name of several"),
        (NAMES, {"offset": {"heat": "c"}}, "offset names 'c', which is not a column of the table"),
        (NAMES, {"exposure": {"heat": "b"}}, "exposure is .*; expected one for all targets"),
        (["heat", "kind"], {}, "Target 'kind' holds no numbers"),
    ],
)
def test_what_several_targets_cannot_have(house, target, options, message):
    table = house | {"kind": np.array(["x", "y"])[np.arange(200) % 2]}
    with pytest.raises(InvalidInput, match=message):
        fit(table, target, **QUICK | options)


def test_each_target_has_its_ends(house, both, tmp_path):
    torch = pytest.importorskip("torch")
    free, most = both.model.predict(house), float(np.median(house["cost"]))
    clip = {"cost": (None, most)}
    model = fit(house, NAMES, **QUICK, increasing=["a"], clip=clip).model
    np.testing.assert_array_equal(model.predict(house), np.minimum(free, [np.inf, most]))
    model.save(tmp_path / "m.eig")
    again = SpectralModel.load(tmp_path / "m.eig")
    assert again.static == model.static
    net = again.to("torch")(torch.tensor(again.encoding.table(house))).detach().numpy()
    np.testing.assert_allclose(net, model.predict(house), rtol=1e-12)
    jax = pytest.importorskip("jax")
    params, apply = again.to("jax")
    found = jax.jit(apply)(params, again.encoding.table(house).astype("float32"))
    np.testing.assert_allclose(found, model.predict(house), rtol=1e-4)
    assert model.target("heat").range({"a": (0, 5), "b": (0, 5)}).predicted_upper < most
    assert model.target("cost").range({"a": (0, 5), "b": (0, 5)}).predicted_upper == most
    assert again.target("heat").static.clip == (-np.inf, np.inf)


@pytest.fixture(scope="module")
def perils():
    """Claims of two kinds: fire rises with a, theft falls with b and is rarer."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 2, (2, 800))
    years = rng.uniform(0.2, 1, 800)
    rates = np.exp([a - 1, -1.5 - b])
    fire, theft = rng.poisson(rates * years)
    return {"a": a, "b": b, "years": years, "fire": fire, "theft": theft}


def test_claims_of_several_kinds_share_an_exposure(perils, tmp_path):
    names, options = ["fire", "theft"], QUICK | {"members": 3, "loss": "poisson"}
    result = fit(perils, names, **options, exposure="years", increasing=["a"])
    model, report = result.model, result.report
    assert (model.static.link, model.static.targets) == ("log", tuple(names))
    totals = model.predict(perils, exposure="years")
    np.testing.assert_allclose(totals, model.predict(perils) * perils["years"][:, None])
    for place, name in enumerate(names):
        assert totals[:, place].sum() == pytest.approx(perils[name].sum(), rel=1e-9)
        assert report.model.metrics[f"observed/expected of {name}"][0] == pytest.approx(1)
        assert report.model.metrics[f"Gini of {name}"][0] > 0
        assert model.target(name).certify().columns[0].increasing
    deviances = [1 - report.model.metrics[f"D² of {name}"][0] for name in names]
    assert report.metric == "Poisson deviance over that of constants"
    assert report.model.train == pytest.approx(np.mean(deviances), rel=1e-3)
    more, _ = resume(model, perils, names, exposure="years", max_iter=5)
    sums = more.predict(perils, exposure="years").sum(0)
    np.testing.assert_allclose(sums, [perils["fire"].sum(), perils["theft"].sum()])
    estimator = SpectralRegressor(loss="poisson", dim=2, knots=2, penalty=0.01, n_estimators=1)
    x, y = np.stack([perils["a"], perils["b"]], 1), np.stack([perils[n] for n in names], 1)
    estimator.fit(x, y, exposure=perils["years"])
    assert estimator.score(x, y, exposure=perils["years"]) > 0.05
    assert estimator.predict(x, exposure=perils["years"]).shape == y.shape


def test_proportions_of_several_kinds(perils):
    parts = {n: perils[n] > 0 for n in ("fire", "theft")}
    table = {"a": perils["a"], "b": perils["b"]} | {n: 1.0 * v for n, v in parts.items()}
    result = fit(table, ["fire", "theft"], **QUICK, loss="binomial")
    found = result.model.predict(table)
    np.testing.assert_allclose(found.mean(0), [v.mean() for v in parts.values()], rtol=1e-6)
    assert result.report.model.metrics["AUC of fire"][0] > 0.6
    notes = fit(table, ["fire", "theft"], **QUICK | {"max_iter": 2}).report.notes
    assert sum("the numbers 0 and 1" in note and "binomial" in note for note in notes) == 2


STREAM = {"dim": 2, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 15, "epochs": 30}
STREAM |= {"batch_rows": 50, "block_rows": 200, "sample_rows": 120}


def test_streams_fit_several_targets(house, tmp_path):
    batches = [{n: v[i : i + 40] for n, v in house.items()} for i in range(0, 200, 40)]
    result = fit_stream(batches, NAMES, **STREAM, increasing=["a"], clip={"heat": (0, None)})
    y, found = wanted(house), result.model.predict(house)
    assert (np.abs(found - y).mean(0) < 0.2 * y.std(0)).all()
    assert result.model.target("cost").certify().columns[0].increasing
    assert "R² of cost" in result.report.model.metrics
    assert result.report.model.train < 0.7 * result.report.linear.train
    checkpoint = str(tmp_path / "run")

    def killed(progress):
        return progress.iteration == 40

    kept = STREAM | {"checkpoint": checkpoint, "checkpoint_seconds": 0.0}
    fit_stream(batches, NAMES, **kept, callback=killed, increasing=["a"], clip={"heat": (0, None)})
    same = fit_stream(batches, NAMES, **kept, increasing=["a"], clip={"heat": (0, None)})
    np.testing.assert_array_equal(same.model.predict(house), found)
    gone = [batches[0] | {"cost": np.full(40, np.nan)}, *batches[1:]]
    with pytest.raises(InvalidInput, match="'heat, cost' is missing in 40 of 40"):
        fit_stream(gone, NAMES, **STREAM)
    assert fit_stream(gone, NAMES, **STREAM, drop_rows_without_target=True).model.outputs == 2
    with pytest.raises(InvalidOption, match="is 'costs', which is not a column of the batches"):
        fit_stream(batches, ["heat", "costs"], **STREAM)


def test_streams_of_rates_balance_each_target(perils):
    batches = [{n: v[i : i + 100] for n, v in perils.items()} for i in range(0, 800, 100)]
    options = STREAM | {"epochs": 2, "sample_rows": 500, "loss": "poisson", "validation": 0}
    model = fit(batches, ["fire", "theft"], exposure="years", **options).model
    sums = model.predict(perils, exposure="years").sum(0)
    np.testing.assert_allclose(sums, [perils["fire"].sum(), perils["theft"].sum()], rtol=1e-6)


def test_the_estimator_is_one_of_several_outputs(house):
    from sklearn.metrics import r2_score

    X, y = np.stack([house["a"], house["b"]], 1), wanted(house)
    parameters = {"knots": 4, "dim": 3, "penalty": 1e-3, "n_estimators": 1, "max_iter": 10}
    model = SpectralRegressor(**parameters, monotone={0: 1}).fit(X, y)
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, y) == pytest.approx(r2_score(y, model.predict(X)), abs=1e-9)
    assert model.get_feature_names_out().tolist()[:2] == ["y0: x0", "y0: x1"]
    assert model.partial_fit(X[:50], y[:50]).predict(X).shape == (200, 2)
    assert model.calibrate(X, y).predict_interval(X).shape == (200, 2, 2)
    again = SpectralRegressor.from_model(model.model_)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_the_command_takes_several_targets(house, tmp_path, capsys):
    lines = [
        ",".join(house),
        *(",".join(map(repr, row)) for row in np.stack([*house.values()], 1).tolist()),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    table, model = str(tmp_path / "t.csv"), str(tmp_path / "m.eig")
    flags = ["--dim", "2", "--knots", "3", "--penalty", "0.001", "--members", "1"]
    main(["fit", table, "--target", "heat,cost", *flags, "--increasing", "a", "-o", model])
    out = capsys.readouterr().out
    assert "eigcore, R² of cost" in out
    assert out.count("Guarantees") == 2
    main(["certify", model, "--json"])
    proven = json.loads(capsys.readouterr().out)["guarantees"]
    assert [*proven] == NAMES
    assert proven["cost"]["columns"][0]["increasing"]
    main(["predict", model, table, "-o", str(tmp_path / "p.csv")])
    head = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert head.replace('"', "") == "prediction of heat,prediction of cost"
    capsys.readouterr()
    main(["explain", model, table, "--row", "3", "--of", "cost"])
    assert capsys.readouterr().out
    main(["report", model, table, "-o", str(tmp_path / "r.html")])
    assert "observed − expected" in (tmp_path / "r.html").read_text()
    streamed = [*flags, "--epochs", "1", "--clip", "heat=0/,cost=/13000", "--stream", "-o", model]
    main(["fit", table, "--target", "heat,cost", *streamed])
    ends = SpectralModel.load(model).static.clip
    assert ends == ((0.0, np.inf), (-np.inf, 13000.0))


def test_each_target_has_its_offset(perils, tmp_path):
    """For counts the logarithm of an exposure is an offset, and each kind may have its own."""
    rng = np.random.default_rng(1)
    known = rng.normal(size=(2, 800)) / 2
    table = {"a": perils["a"], "b": perils["b"], "u": known[0], "v": known[1]}
    rates = np.exp([table["a"] - 1 + table["u"], -0.5 - table["b"] + table["v"]])
    table["fire"], table["theft"] = rng.poisson(rates)
    options = QUICK | {"loss": "poisson", "dim": 1, "members": 1, "max_iter": 80}  # convex
    names, moved = ["fire", "theft"], {"fire": "u", "theft": "v"}
    model = fit(table, names, offset=moved, **options).model
    model.save(tmp_path / "m.eig")
    model = SpectralModel.load(tmp_path / "m.eig")
    assert model.encoding.names == ("a", "b")
    totals = model.predict(table, offset=moved)
    for place, name in enumerate(names):
        alone = {n: table[n] for n in ("a", "b", name, moved[name])}
        own = fit(alone, name, offset=moved[name], **options).model
        one = model.target(name)
        assert one.provenance["offset"] == own.provenance["offset"] == moved[name]
        both = [m.predict(table, offset=moved[name]) for m in (own, one)]
        np.testing.assert_allclose(*both, rtol=1e-3)
        np.testing.assert_allclose(totals[:, place], both[1], rtol=1e-12)
        assert totals[:, place].sum() == pytest.approx(table[name].sum(), rel=1e-9)
        more, _ = resume(one, table, name, offset=moved[name], max_iter=2)
        assert more.predict(table, offset=moved[name]).sum() == pytest.approx(table[name].sum())
    array = np.stack([table["u"], table["v"]], 1)
    inputs = {n: v for n, v in table.items() if n not in "uv"}
    same = fit(inputs, names, offset=array, **options).model
    np.testing.assert_array_equal(same.predict(inputs), model.predict(inputs))
    np.testing.assert_array_equal(model.predict(table, offset=array), totals)
    half = model.predict(table, offset={"theft": "v"})
    np.testing.assert_array_equal(half[:, 1], totals[:, 1])
    np.testing.assert_array_equal(half[:, 0], model.predict(table)[:, 0])
    with pytest.raises(InvalidInput, match=r"offset names 'hail'\. Expected .* fire, theft"):
        model.predict(table, offset={"hail": "u"})
    more, _ = resume(model, table, names, offset=moved, max_iter=2)
    sums = more.predict(table, offset=moved).sum(0)
    np.testing.assert_allclose(sums, [table[n].sum() for n in names], rtol=1e-9)


def test_the_command_takes_an_offset_for_each_target(perils, tmp_path, capsys):
    names = ["a", "b", "fire", "theft", "years"]
    rows = zip(*(perils[name] for name in names), strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    table, model, found = (str(tmp_path / each) for each in ("t.csv", "m.eig", "p.csv"))
    (tmp_path / "t.csv").write_text("\n".join(lines))
    flags = ["--loss", "poisson", "--dim", "1", "--knots", "2", "--penalty", "0.01"]
    moved = ["--offset", "fire=years,theft=years"]
    assert main(["fit", table, "--target", "fire,theft", *flags, *moved, "-o", model]) == 0
    assert main(["predict", model, table, *moved, "-o", found]) == 0
    loaded = SpectralModel.load(model)
    assert loaded.provenance["offset"] == {"fire": "years", "theft": "years"}
    totals = loaded.predict(perils, offset=dict.fromkeys(["fire", "theft"], "years"))
    np.testing.assert_allclose(np.loadtxt(found, delimiter=",", skiprows=1), totals)
    assert main(["report", model, table, "-o", str(tmp_path / "r.html")]) == 0
    assert "added to the decision" in (tmp_path / "r.html").read_text()
    capsys.readouterr()
    clip = ["--clip", "fir=/2"]
    assert main(["fit", table, "--target", "fire,theft", *flags, *clip, "-o", model]) == 2
    assert capsys.readouterr().err.rstrip().endswith("Type --clip fire=/2.")
    assert main(["predict", model, table, "--offset", "fire=yers", "-o", found]) == 2
    assert "--offset names 'yers'" in capsys.readouterr().err


def test_one_offset_moves_all_targets(perils):
    logs = np.log(perils["years"])
    table = {n: perils[n] for n in ("a", "b", "fire", "theft")} | {"logs": logs}
    options = QUICK | {"loss": "poisson", "dim": 1, "members": 1, "max_iter": 80}  # convex
    model = fit(table, ["fire", "theft"], offset="logs", **options).model
    exposed = fit(perils, ["fire", "theft"], exposure="years", **options).model
    rates = [m.predict(table) for m in (model, exposed)]  # the same likelihood
    assert np.abs(np.log(rates[0] / rates[1])).max() < 0.1
    batches = [{n: v[i : i + 100] for n, v in table.items()} for i in range(0, 800, 100)]
    stream = STREAM | {"epochs": 2, "sample_rows": 500, "loss": "poisson", "validation": 0}
    streamed = fit(batches, ["fire", "theft"], offset="logs", **stream).model
    sums = streamed.predict(table, offset="logs").sum(0)
    np.testing.assert_allclose(sums, [table[n].sum() for n in ("fire", "theft")], rtol=1e-6)
    with pytest.raises(InvalidOption, match=r"offset .* expected the name of a column"):
        fit(batches, ["fire", "theft"], offset={"fire": "logs"}, **stream)
    estimator = SpectralRegressor(loss="poisson", dim=2, knots=2, penalty=0.01, n_estimators=1)
    X, y = np.stack([table["a"], table["b"]], 1), np.stack([table["fire"], table["theft"]], 1)
    twice = np.stack([logs, logs], 1)
    found = [estimator.fit(X, y, offset=each).score(X, y, offset=each) for each in (logs, twice)]
    assert found[0] == pytest.approx(found[1], rel=0.02)  # rows in another order
    assert found[0] > 0.05
    assert estimator.predict(X, offset=twice).shape == y.shape
