"""Whatever a path leads to and a file claims: a model, or ModelFileError soon, in little memory."""

import contextlib
import json
import os
import shutil
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import model, rewritten, rows

import eigcore.portable.file as modelfile
from eigcore import SpectralModel
from eigcore.encoding import Encoding, Linear
from eigcore.errors import ModelFileError

GOLDEN = Path(__file__).parent / "golden"
MEMORY = 8 * 2**20


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.eig"
    model().save(path)
    return path


def refused(path, words=""):
    """Loading raises ModelFileError within a second of work and 8 MiB; return the message."""
    caught = []

    def load():
        with pytest.raises(ModelFileError, match="Expected") as error:
            SpectralModel.load(path)
        caught.append(str(error.value))

    tracemalloc.start()
    try:
        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        thread.join(20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught, "loading waits, or raised another error"
    assert peak < MEMORY
    assert words in caught[0]
    assert len(caught[0]) < 1200
    return caught[0]


def sparse(path, start, size):
    path.write_bytes(start)
    os.truncate(path, size)


def header_of(length):
    return length.to_bytes(8, "little") + b"{"


PLACES = {
    "a pipe": lambda path, data: os.mkfifo(path),
    "zeros without end": lambda path, data: path.symlink_to("/dev/zero"),
    "noise without end": lambda path, data: path.symlink_to("/dev/urandom"),
    "a folder": lambda path, data: path.mkdir(),
    "a link to itself": lambda path, data: path.symlink_to(path),
    "three GiB of zeros": lambda path, data: sparse(path, b"", 3 * 2**30),
    "a claimed header of a GiB": lambda path, data: path.write_bytes(header_of(2**30)),
    "a header of a GiB": lambda path, data: sparse(path, header_of(2**30), 2**31),
    "three GiB behind a model": lambda path, data: sparse(path, data, 3 * 2**30),
    "more than the limit": lambda path, data: sparse(path, data, 2**33),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_and_what_is_too_long_is_refused_unread(place, good, tmp_path):
    path = tmp_path / "m.eig"
    PLACES[place](path, good.read_bytes())
    refused(path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "/".join(["y" * 200] * 100), "\ud800", ""])
def test_names_that_no_file_has_are_refused(path):
    refused(path, "could not be read")


def test_a_path_of_bytes_is_a_path(good):
    assert SpectralModel.load(os.fsencode(good)).static == model().static


HUGE = 10**400
CRAFTED = {
    "scale": lambda d: d["target"].update(scale=HUGE),
    "offset": lambda d: d["target"].update(offset=HUGE),
    "weight": lambda d: d["members"][0].update(weight=HUGE),
    "center": lambda d: d["encoding"]["columns"][0].update(center=HUGE),
    "infinite center": lambda d: d["encoding"]["columns"][0].update(center=1e999),
    "knots": lambda d: d["encoding"]["columns"][1].update(knots=[float("nan"), 1.0]),
    "features": lambda d: d["members"][0]["spec"].update(features=HUGE),
    "dim": lambda d: d["members"][0]["spec"].update(dim=HUGE),
    "outputs": lambda d: d["members"][0]["spec"].update(outputs=HUGE),
    "index": lambda d: d["members"][0]["spec"].update(index=HUGE),
    "alpha": lambda d: d["members"][0]["spec"].update(functional="smooth", alpha=HUGE),
    "band": lambda d: d["members"][0]["spec"].update(structure="banded:" + "9" * 5000),
    "weights": lambda d: d["members"][0]["spec"].update(functional="weighted", weights=[HUGE] * 5),
    "classes": lambda d: d.update(classes=[[1], 2], link="logistic"),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_numbers_are_refused(case, good):
    def change(header, tensors):
        document = json.loads(header["model"])
        CRAFTED[case](document)
        header["model"] = json.dumps(document)

    rewritten(good, change)
    refused(good, "does not describe a model")


@pytest.mark.parametrize("depth", [100, 980, 5000, 200_000])
@pytest.mark.parametrize("field", ["encoding", "members", "classes", "convention"])
def test_deep_nesting_is_refused(depth, field, good):
    def change(header, tensors):
        own = json.loads(header["model"])
        own[field] = "DEEP"
        header["model"] = json.dumps(own).replace('"DEEP"', "[" * depth + "]" * depth)

    rewritten(good, change)
    refused(good)


@pytest.mark.parametrize("version", ["1." + "9" * 5000, "9" * 5000 + ".0", "¹.²"])
def test_strange_versions_are_refused(version, good):
    rewritten(good, lambda header, tensors: header.update(version=version))
    refused(good, "format version")


def test_many_columns_are_read_in_time():
    names = tuple(map(str, range(20_000)))
    assert Encoding((Linear(),) * len(names), names).terms == len(names)


def test_a_model_too_long_to_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(modelfile, "LONGEST", 1000)
    with pytest.raises(ModelFileError, match="more than can be read"):
        model().save(tmp_path / "m.eig")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["regression", "multinomial", "projections"])
def test_flipped_and_lost_bytes_raise_nothing_else(name, tmp_path):
    data = (GOLDEN / f"{name}.eig").read_bytes()
    own = SpectralModel.load(GOLDEN / f"{name}.eig")
    path, rng = tmp_path / "m.eig", np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[place] ^= 1 << int(rng.integers(8))
        if rng.random() < 0.3:
            a, b = sorted(rng.integers(0, len(data), 2))
            del changed[a:b]
        path.write_bytes(changed)
        with contextlib.suppress(ModelFileError):
            assert SpectralModel.load(path).static == own.static


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([HUGE, -HUGE, 2**63, 1e308, -1, 0])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["kth", "smooth", "linear", "categories", "periodic", "banded:2", "softmax"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value, path=()):
    """Yield the path of each value of a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in enumerate(value) if isinstance(value, list) else items:
        yield from places(inner, (*path, key))


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_value_at_any_place_of_the_description_raises_nothing_else(good, data):
    path = Path(shutil.copy(good, good.with_name("m.eig")))

    def change(header, tensors):
        document = json.loads(header["model"])
        where = data.draw(st.sampled_from([p for p in places(document) if p]))
        parent = document
        for key in where[:-1]:
            parent = parent[key]
        parent[where[-1]] = data.draw(VALUES)
        header["model"] = json.dumps(document)

    rewritten(path, change)
    try:
        found = SpectralModel.load(path)
    except ModelFileError:
        return
    found.save(path)
    assert SpectralModel.load(path).static == found.static


def test_a_good_file_is_read(good):
    np.testing.assert_array_equal(
        SpectralModel.load(good).predict(rows(5)), model().predict(rows(5))
    )
