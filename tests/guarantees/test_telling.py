"""Long work says where it is."""

import json

import numpy as np
import pytest

from eigcore.cli import main
from eigcore.fit import fit
from eigcore.guarantees import telling


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    table = dict(zip("abcd", rng.normal(size=(4, 200)), strict=True))
    y = table["a"] + table["b"] * table["c"] + np.abs(table["d"])
    options = {
        "dim": 3,
        "knots": 3,
        "members": 2,
        "penalty": 1e-3,
        "max_iter": 5,
        "tails": "linear",
    }
    return fit(table, y, increasing=["a"], validation=0, **options).model


@pytest.mark.parametrize("work", ["range", "minimize", "prove", "counterfactual"])
def test_lines_come_while_the_work_goes_on(model, work, monkeypatch, capsys):
    arguments = {"counterfactual": ({"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0}, 2.0)}.get(work, ())
    options = {} if work == "prove" else {"max_boxes": 2000}
    lines = []
    quiet = getattr(model, work)(*arguments, **options)
    assert capsys.readouterr().err == ""
    found = getattr(model, work)(*arguments, verbose=lines.append, **options)
    assert found == quiet
    assert len(lines) > 1
    assert all("claims" in line if work == "prove" else "boxes" in line for line in lines)
    monkeypatch.setattr(telling, "_BETWEEN", 0.0)
    getattr(model, work)(*arguments, verbose=True, **options)
    told = capsys.readouterr()
    assert told.out == ""
    assert lines[-1] in told.err


def test_the_command_speaks_of_its_own_flags(model, tmp_path, capsys):
    path, proof = str(tmp_path / "m.eig"), str(tmp_path / "p.json")
    model.save(path)
    claim = ["certify", path, "--proof", proof, "--dominates"]
    assert main([*claim, "a=b*9"]) == 2
    told = capsys.readouterr().err
    assert "--dominates asks for a unit of 'a' to count for at least 9 of 'b'" in told
    assert "model." not in told
    assert "fit(" not in told
    assert main([*claim, "a=bb"]) == 2
    assert "--dominates names 'bb'" in capsys.readouterr().err
    assert main(["certify", path, "--proof", proof, "--json"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["claims"]
    assert out.err == ""
    assert main(["verify", path, proof]) == 0
