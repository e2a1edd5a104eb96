"""Files of eigcore before its rooms were rebuilt: they load, and give what they gave.

`golden/make.py` wrote them, with that code.
"""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore import SpectralModel
from eigcore.fit import resume
from eigcore.fit.stream import fit_stream

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
_spec = importlib.util.spec_from_file_location("golden_tables", GOLDEN / "tables.py")
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)
MODELS = [
    pytest.param(name, record, id=name)
    for kind in ("models", "fitted")
    for name, record in EXPECTED[kind].items()
]
BACKENDS = ("numpy", "torch", "jax")


def numbers(value):
    """The leaves of a record as one array; text of NaN and infinity as these."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in numbers(each)]
    if isinstance(value, (list, tuple, np.ndarray)):
        return [leaf for each in value for leaf in numbers(each)]
    try:
        return [np.nan if value is None else float(value)]
    except ValueError:
        return []


def close(found, expected, tolerance):
    found, expected = np.array(numbers(found)), np.array(numbers(expected))
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def table(record, encoding=None):
    """The rows of a record, as `make.py` had them; arrays held codes, which become levels."""
    if isinstance(record["rows"], list):
        columns = np.array(record["rows"], dtype=np.float64).T
        each = zip(encoding.names, encoding.columns, columns, strict=True)
        return {name: levels(column, cells) for name, column, cells in each}
    return {
        name: np.array([np.nan if c == "nan" else c for c in cells], dtype=object)
        if any(isinstance(c, str) and c != "nan" for c in cells)
        else np.array(cells, dtype=np.float64)
        for name, cells in record["rows"].items()
    }


def levels(column, cells):
    if column.numeric:
        return cells
    named = dict(enumerate(column.levels)) | {-1: "never seen"}
    return np.array([named.get(cell) for cell in cells], dtype=object)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "record"), MODELS)
def test_a_model_predicts_what_it_predicted(name, record, backend):
    if backend != "numpy":
        pytest.importorskip(backend)
    model = SpectralModel.load(GOLDEN / f"{name}.eig")
    close(
        model.predict(table(record, model.encoding), backend=backend),
        record["predict"][backend],
        1e-9,
    )


NEWER = (
    "beyond",
    "rounding",
    "reached",
    "l2_reached",
    "clipped",
    "additive",
    "missing",
    "dominances",
    "box_reached",
    "outputs",
)
"""Fields of certificates that are newer than some of the files."""


@pytest.mark.parametrize(("name", "record"), MODELS)
def test_a_model_is_certified_and_explained_as_it_was(name, record):
    model = SpectralModel.load(GOLDEN / f"{name}.eig")
    X = table(record, model.encoding)
    radius = {
        name: 0.1
        for name, column in zip(model.encoding.names, model.encoding.columns, strict=True)
        if column.numeric
    }
    certificate = model.certify(x=X, radius=radius)
    found, was = certificate.to_dict(), record["certificate"]
    additive = {each.name for each in certificate.columns if each.additive}
    # what rows reach is newer than the files
    for each in (found, was, found["local"], *found["columns"]):
        for newer in NEWER:
            each.pop(newer, None)
    for part in ("scale", "decided") if model.static.link == "softmax" else ():
        # margins of two classes are proven jointly now: they may only be wider
        now, then = (np.array(each["local"].pop(part), float) for each in (found, was))
        assert (now >= 0.98 * then).all()
    for each, before in zip(found["columns"], was["columns"], strict=True):
        if each["name"] in additive:  # convex and concave were proven for extreme eigenvalues only
            before |= {name: each[name] for name in ("convex", "concave")}
    assert found.keys() == was.keys()
    close(found, was, 0.02)  # `scale` is a bisection to one per cent
    for part in ("columns", "l1", "l2", "l2_simple", "convex", "concave"):
        close(found[part], was[part], 1e-9)
    for part in ("lower", "upper"):
        close(found["local"][part], was["local"][part], 1e-8)
    close(model.certify(radius=radius).box, record["box"], 1e-9)
    close(model.feature_norms, record["norms"], 1e-9)
    explanation = model.explain(X)
    close(model.decision(X), record["decision"], 1e-9)
    close(explanation.contributions, record["contributions"], 1e-7)
    close(explanation.slopes, record["slopes"], 1e-7)
    close([p.sum() for p in model.canonical().params], record["canonical"], 1e-7)
    first = [line.split()[:1] for line in str(certificate).splitlines()]
    newer = (["float64"], ["float32"], ["probabilities"], ["holds"])
    assert [each for each in first if each not in newer] == [
        line.split()[:1] for line in record["text"].splitlines()
    ]


@pytest.mark.parametrize("name", EXPECTED["fitted"])
def test_fitting_goes_on_from_a_file_as_it_did(name):
    record = EXPECTED["fitted"][name]
    columns, targets = tables.table(1)
    model = SpectralModel.load(GOLDEN / f"{name}.eig")
    further, steps = resume(model, columns, targets[record["target"]], max_iter=5)
    close([each.value for each in steps], record["resumed"], 1e-3)
    close(further.predict(table(record, model.encoding)), record["resumed_predict"], 2e-2)


def test_a_stream_goes_on_from_its_checkpoint(tmp_path):
    path = shutil.copy(GOLDEN / "stream.checkpoint", tmp_path)
    steps = []
    record = EXPECTED["stream"]
    found = fit_stream(
        tables.batches(), "y", **tables.STREAM, checkpoint=path, callback=steps.append
    )
    assert {step.stage for step in steps} == {"streaming"}
    assert len(steps) < 20
    close(found.model.predict(table(record)), record["whole"], 1e-6)


def test_a_module_of_torch_takes_the_numbers_it_saved():
    torch = pytest.importorskip("torch")
    module = SpectralModel.load(GOLDEN / "sample-0.eig").to_torch()
    module.load_state_dict(torch.load(GOLDEN / "module.pt", weights_only=True))
    record = EXPECTED["models"]["sample-0"]
    X = torch.tensor(np.array(record["rows"], dtype=np.float64))
    close(module(X, codes=True).detach().numpy(), record["predict"]["numpy"], 1e-9)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # torch 2.11, of its own
def test_an_exported_program_of_torch_runs():
    torch = pytest.importorskip("torch")
    eigcore.get_backend("torch")  # which registers the operators
    record = EXPECTED["exported"]
    program = torch.export.load(GOLDEN / "neuron.pt2").module()
    close(
        program(torch.tensor(record["x"], dtype=torch.float64)).detach().numpy(),
        record["values"],
        1e-9,
    )


def test_an_exported_function_of_jax_runs():
    export = pytest.importorskip("jax.export")
    pytest.importorskip("flatbuffers")
    if pytest.importorskip("eigcore_jax.kernels").NATIVE is None:  # otherwise XLA knows them now
        pytest.skip("the function was exported with the kernels of eigcore-native")
    record = EXPECTED["exported"]
    function = export.deserialize(bytearray((GOLDEN / "neuron.jax").read_bytes()))
    close(np.asarray(function.call(np.array(record["x"]))), record["values"], 1e-9)
