import json
import os

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import VARIANTS, linear_model, model, params, rewritten, rows

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Encoding, PiecewiseLinear
from eigcore.errors import ModelFileError


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_save_and_load_is_the_identity(variant, tmp_path):
    m, path = model(**variant), tmp_path / "m.eig"
    m.save(path)
    back = SpectralModel.load(path)
    assert back.static == m.static
    assert all(np.array_equal(a, b) for a, b in zip(back.params, m.params, strict=True))
    assert back.provenance.items() >= m.provenance.items()
    assert set(back.provenance["versions"]) == {"eigcore", "numpy", "python"}
    np.testing.assert_array_equal(back.predict(rows(9)), m.predict(rows(9)))
    before = path.read_bytes()
    back.save(path)
    assert path.read_bytes() == before


@settings(deadline=None, max_examples=30)
@given(
    st.text(max_size=20),
    st.floats(1e-300, 1e300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=4),
)
def test_any_text_and_any_number_survive_the_file(tmp_path_factory, name, scale, offset, origin):
    path = tmp_path_factory.mktemp("m") / "m.eig"
    e = Encoding((PiecewiseLinear((0.1, 1 / 3)),), (name,), (name[::-1],))
    spec = EigSpec(e.terms, 2)
    values = params(spec, np.random.default_rng(0))
    m = SpectralModel(
        e, [(spec, values)], target_scale=scale, target_offset=offset, provenance=origin
    )
    m.save(path)
    back = SpectralModel.load(path)
    assert back.static == m.static
    assert back.provenance == {"versions": back.provenance.get("versions")} | origin


def test_a_flipped_bit_anywhere_is_an_error(tmp_path):
    path = tmp_path / "m.eig"
    model(dims=(2,)).save(path)
    content = path.read_bytes()
    for place in range(0, 8 * len(content), 71):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with pytest.raises(ModelFileError):
            SpectralModel.load(path)


def described(change):
    def apply(header, tensors):
        document = json.loads(header["model"])
        change(document)
        header["model"] = json.dumps(document)

    return apply


def poke(header, tensors):
    tensors["member.0"][0, 0, 0] += 1


def poison(header, tensors):
    tensors["member.0"][0, 0, 0] = np.nan


def narrow(header, tensors):
    tensors["member.0"] = tensors["member.0"].astype(np.float32)


def rename(header, tensors):
    tensors["other"] = tensors.pop("member.0")


BROKEN = {
    "edited parameters": (poke, False, "do not match their checksum"),
    "edited description": (
        described(lambda d: d.update(link="log")),
        False,
        "description does not",
    ),
    "not finite": (poison, True, "not all finite"),
    "float32": (narrow, True, "not float64"),
    "renamed array": (rename, True, "other"),
    "missing member": (lambda m, t: t.pop("member.1"), True, "1 parameter array(s) for 2"),
    "newer major": (lambda m, t: m.update(version="2.0"), True, "pip install --upgrade eigcore"),
    "strange version": (lambda m, t: m.update(version="new"), True, "format version"),
    "foreign format": (lambda m, t: m.update(format="pt"), True, "not an eigcore model"),
    "no checksum": (lambda m, t: m.pop("header_sha256"), False, "lacks header_sha256"),
    "no JSON": (lambda m, t: m.update(model="{"), True, "not JSON"),
    "deep JSON": (lambda m, t: m.update(model="[" * 100_000), True, "not JSON"),
    "a list": (lambda m, t: m.update(model="[]"), True, "not a JSON object"),
    "no members": (described(lambda d: d.pop("members")), True, "members"),
    "unknown link": (described(lambda d: d.update(link="probit")), True, "probit"),
    "unknown column": (described(lambda d: d["encoding"]["columns"].pop()), True, "names"),
    "other packing": (described(lambda d: d.update(convention="upper")), True, "upper"),
    "huge matrix": (described(lambda d: d["members"][0]["spec"].update(dim=10**9)), True, "order"),
    "NaN scale": (described(lambda d: d["target"].update(scale=float("nan"))), True, "scale"),
    "numbers as text": (described(lambda d: d["encoding"].update(columns=3)), True, "encoding"),
    "spec of text": (described(lambda d: d["members"][0].update(spec="x")), True, "spec"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_clear_error(case, tmp_path):
    change, sign, words = BROKEN[case]
    path = tmp_path / "m.eig"
    model().save(path)
    rewritten(path, change, sign)
    with pytest.raises(ModelFileError, match="Expected") as caught:
        SpectralModel.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, data: None, "could not be read"),
        (lambda path, data: path.mkdir(), "could not be read"),
        (lambda path, data: path.write_bytes(b""), "empty"),
        (lambda path, data: path.write_bytes(b"a,b\n1,2\n3,4\n"), "not an eigcore model"),
        (lambda path, data: path.write_bytes(b"\x80\x04K\x01."), "not an eigcore model"),
        (lambda path, data: path.write_bytes(data[:4]), "not an eigcore model"),
        (lambda path, data: path.write_bytes(data[:100]), "cut off"),
        (lambda path, data: path.write_bytes(data[:-1]), "cannot be read"),
        (lambda path, data: path.write_bytes(data + b"x"), "cannot be read"),
        (lambda path, data: path.write_bytes(b"\xff" * 7 + b"\x7f" + data[8:]), "cut off"),
        (lambda path, data: path.write_bytes(data[:9] + b"\xff" + data[10:]), "not JSON"),
    ],
)
def test_missing_empty_foreign_and_truncated_files(make, words, tmp_path):
    model().save(tmp_path / "good.eig")
    path = tmp_path / "m.eig"
    make(path, (tmp_path / "good.eig").read_bytes())
    with pytest.raises(ModelFileError, match=words):
        SpectralModel.load(path)


def test_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "m.eig"
    for metadata in (None, {"format": "pt"}, {"eigcore": "3"}):
        path.write_bytes(safetensors.numpy.save({"a": np.zeros(3)}, metadata))
        with pytest.raises(ModelFileError, match="not an eigcore model"):
            SpectralModel.load(path)


def test_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "m.eig"
    linear_model(columns=1, dim=2).save(path)
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        try:
            back = SpectralModel.load(path)
        except ModelFileError:
            continue
        # JSON allows other bytes for the same description: an escape or a space
        assert back.static == linear_model(columns=1, dim=2).static, place


def test_a_newer_minor_version_is_read(tmp_path):
    path = tmp_path / "m.eig"
    model().save(path)
    rewritten(path, lambda m, t: m.update(version="1.9", more="fields"))
    SpectralModel.load(path)


def test_saving_is_atomic(tmp_path, monkeypatch):
    path = tmp_path / "m.eig"
    model(1).save(path)
    before = path.read_bytes()

    def fail(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ModelFileError, match="No space left"):
        model(2).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.eig"]


def test_saving_where_nobody_can_write_says_so(tmp_path):
    with pytest.raises(ModelFileError, match="mkdir -p"):
        model().save(tmp_path / "none" / "m.eig")
