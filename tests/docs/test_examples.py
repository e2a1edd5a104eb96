"""The backends of docs/examples: `make examples` installs them, so that all of this runs."""

import re
import subprocess
import sys
from pathlib import Path
from string import Template

import numpy as np
import pytest

import eigcore
from eigcore.cli.new import FILES, TEMPLATES

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = ["mlx", "tensorflow"]
M = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 5.0]])


def source(name):
    return (EXAMPLES / f"eigcore-{name}" / f"eigcore_{name}.py").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_has_the_files_of_a_new_project(name):
    folder = EXAMPLES / f"eigcore-{name}"
    assert len(source(name).splitlines()) < 120
    for path in FILES:
        assert (folder / Template(path).substitute(name=name)).exists()
    template = Template((TEMPLATES / FILES["test_$name.py"]).read_text())
    assert (folder / f"test_{name}.py").read_text() == template.substitute(name=name)
    assert f"plugin_api = {eigcore.PLUGIN_API}\n" in source(name)


@pytest.fixture(params=NAMES)
def backend(request):
    """An example, if it is installed."""
    if request.param not in eigcore.backends():
        pytest.skip(f"eigcore-{request.param} is not installed. Type: make examples")
    return eigcore.get_backend(request.param)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=60), "b": rng.normal(size=60)}


@pytest.fixture(scope="module")
def model(table):
    y = table["a"] + abs(table["b"])
    return eigcore.fit(table, y, dim=3, knots=3, members=1, penalty=1e-3, max_iter=9).model


def test_an_example_is_listed_and_chosen_by_its_arrays(backend):
    record = eigcore.backends()[backend.name]
    assert (record.state, record.distribution) == ("loaded", f"eigcore-{backend.name}")
    with eigcore.trace() as calls:
        value = eigcore.kth_eigenvalue(backend.asarray(M), 1)
    assert {call.backend for call in calls} == {backend.name}
    assert type(value).__module__.split(".")[0] in backend.capabilities.arrays
    assert float(value) == pytest.approx(np.linalg.eigvalsh(M)[1], rel=1e-12)


def test_an_example_trains_and_the_model_belongs_to_all_backends(backend, table, tmp_path):
    y = table["a"] + abs(table["b"])
    options = {"dim": 3, "knots": 3, "members": 1, "penalty": 1e-3, "max_iter": 9}
    fitted = eigcore.fit(table, y, backend=backend.name, **options).model
    assert fitted.provenance["backend"] == backend.name
    fitted.save(tmp_path / "m.eig")
    again = eigcore.SpectralModel.load(tmp_path / "m.eig")
    assert np.corrcoef(again.predict(table), y)[0, 1] > 0.9


def test_models_live_as_objects_of_an_example(backend, model, table):
    own = model.to(backend.name)
    rows = np.stack([table["a"], table["b"]], axis=-1)
    got = backend.to_numpy(own(backend.asarray(rows)))
    np.testing.assert_allclose(got, model.predict(table), rtol=0, atol=1e-12)
    back = eigcore.SpectralModel.of(own)
    assert back.static == model.static
    np.testing.assert_array_equal(back.predict(table), model.predict(table))
    kept = [p.copy() for p in model.params]
    TRAINED[backend.name](own, rows, got + 0.5)
    moved = eigcore.SpectralModel.of(own).predict(table)
    assert np.mean((moved - got - 0.5) ** 2) < 0.24
    for before, after in zip(kept, model.params, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_code_of_its_page_runs(backend):
    page = (EXAMPLES / f"eigcore-{backend.name}" / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space = {}
    exec(compile(code, "README.md", "exec"), space)
    assert isinstance(space["model"], eigcore.SpectralModel)


def by_mlx(own, rows, y):
    mx = pytest.importorskip("mlx.core")
    nn, optimizers = pytest.importorskip("mlx.nn"), pytest.importorskip("mlx.optimizers")
    there = mx.array(rows, dtype=mx.float64), mx.array(y, dtype=mx.float64)
    step = nn.value_and_grad(own, lambda own, x, y: mx.mean((own(x) - y) ** 2))
    optimizer = optimizers.SGD(learning_rate=0.02)
    for _ in range(5):
        _, gradient = step(own, *there)
        optimizer.update(own, gradient)


def by_keras(own, rows, y):
    keras = pytest.importorskip("keras")
    own.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")
    own.fit(rows, y, batch_size=25, epochs=2, verbose=0)  # the last batch is shorter


TRAINED = {"mlx": by_mlx, "tensorflow": by_keras}


def test_tensorflow_traces_batches_of_unknown_size_twice_differentiated(model, table, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="Type: make examples")
    own = model.to("tensorflow")
    rows = np.stack([table["a"], table["b"]], axis=-1)

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float64)], autograph=False)
    def penalty(x):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = tf.reduce_sum(own(x))
            slope = inner.gradient(value, x)
            size = tf.reduce_sum(slope * slope)
        return value, size, outer.gradient(size, own.trainable_weights[0])

    value, _, turn = penalty(rows)
    assert float(value) == pytest.approx(model.predict(table).sum(), rel=1e-12)
    assert float(penalty(rows[:7])[0]) == pytest.approx(model.predict(table)[:7].sum(), rel=1e-12)
    start, direction = own.get_weights()[0], np.random.default_rng(1).normal(size=turn.shape)
    sizes = []
    for sign in (1, -1):
        own.set_weights([start + sign * 1e-6 * direction])
        sizes.append(float(penalty(rows)[1]))
    expected = (sizes[0] - sizes[1]) / 2e-6
    assert float((turn.numpy() * direction).sum()) == pytest.approx(expected, rel=1e-5)
    own.set_weights([start])
    own.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(saved.serve(rows), model.predict(table), rtol=0, atol=1e-12)


SAID = """
import eigcore
for name, record in eigcore.backends(load=True).items():
    print(name, record.state, record.version, record.error)
"""


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (-1, ["too old", "pip install --upgrade eigcore-mlx"]),
        (1, ["too new", "pip install --upgrade eigcore"]),
    ],
)
def test_a_wheel_for_another_plugin_api_says_so_and_harms_no_other(api, words, tmp_path):
    pytest.importorskip("hatchling", reason="Type: make examples")
    pytest.importorskip("mlx.core", reason="Type: make examples")
    speaks = eigcore.PLUGIN_API + api
    for path in FILES:
        file = Template(path).substitute(name="mlx")
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        text = (EXAMPLES / "eigcore-mlx" / file).read_text()
        text = text.replace(f"plugin_api = {eigcore.PLUGIN_API}", f"plugin_api = {speaks}")
        (tmp_path / file).write_text(text.replace('version = "0.1.0"', 'version = "0.9.0"'))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    path = f"import sys; sys.path.insert(0, {str(wheel)!r})"
    told = subprocess.run(
        [sys.executable, "-c", f"{path}\n{SAID}"], capture_output=True, text=True, check=True
    ).stdout
    [line] = re.findall(r"^mlx .*$", told, re.MULTILINE)
    for word in ["unavailable 0.9.0", f"speaks plugin API {speaks}", *words]:
        assert word in line
    assert re.search(r"^numpy loaded ", told, re.MULTILINE)
