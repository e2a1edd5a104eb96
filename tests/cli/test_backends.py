"""`eigcore backends check`: the preflight, then the laws."""

import json

import pytest

import eigcore
from eigcore.cli import main
from eigcore.dispatch import registry
from eigcore.testing import broken, checks, malformed


@pytest.fixture
def numpy_is(monkeypatch):
    """Put a backend that is wrong on purpose into the place of numpy."""

    def put(kind):
        monkeypatch.setitem(registry._loaded, "numpy", kind(eigcore.get_backend("numpy")))

    return put


def test_a_good_backend_passes_and_everything_is_counted(capfd):
    assert main(["backends", "check", "numpy", "--json"]) == 0
    captured = capfd.readouterr()
    record = json.loads(captured.out)
    assert captured.err == ""
    assert (record["backend"], record["preflight"], record["failed"]) == ("numpy", [], {})
    assert record["hold"] > 500
    skipped = sum(record["skipped"].values())
    assert record["hold"] + skipped + 1 == len(checks("numpy"))  # the preflight is one
    assert all("does not declare" in reason for reason in record["skipped"])


def test_a_failed_preflight_says_what_to_change_and_tries_no_law(numpy_is, capfd):
    numpy_is(malformed.Descending)
    assert main(["backends", "check", "numpy"]) == 1
    out, err = capfd.readouterr()
    assert "from the largest to the smallest. Expected ascending" in out
    assert "hold" not in out
    assert "eigcore: The preflight of numpy failed, so no law was tried." in err
    assert main(["backends", "check", "numpy", "--json"]) == 1
    record = json.loads(capfd.readouterr().out)
    assert len(record["preflight"]) == 1
    assert record["hold"] == 0


def test_laws_that_fail_are_told_with_their_message(numpy_is, capfd):
    numpy_is(broken.JitterAtTies)
    assert main(["backends", "check", "numpy"]) == 1
    out = capfd.readouterr().out
    assert "at_a_tie_the_gradient_is_the_projector_over_m[" in out
    assert "but should be" in out
    assert "more cases fail)" in out
    assert len(out.splitlines()) < 60
    summary = out.splitlines()[-1]
    assert summary.startswith("numpy: ")
    assert " 0 fail" not in summary


def test_a_backend_that_does_not_load_says_why(capfd):
    assert main(["backends", "check", "abacus"]) == 1
    err = capfd.readouterr().err
    assert 'eigcore: There is no backend "abacus"' in err
    assert "Traceback" not in err


def test_the_list_is_what_one_gets_without_a_command(capfd):
    assert main(["backends", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["numpy"]["distribution"] == "eigcore"


def test_help_has_an_example(capfd):
    assert main(["backends", "check", "--help"]) == 0
    assert "Example" in capfd.readouterr().out
