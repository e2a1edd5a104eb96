"""Every law on every installed backend. EIGCORE_REQUIRE names those that must load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import eigcore
from eigcore.dispatch.registry import required
from eigcore.errors import BackendUnavailable, InvalidInput
from eigcore.testing import all_laws, checks
from eigcore.testing.cases import WHOLE


def everything():
    """Yield the checks of all backends; one that cannot be loaded fails if it is required."""
    wanted = set(required())
    for name in sorted(wanted | set(eigcore.backends())):
        try:
            own = checks(name)
        except BackendUnavailable as error:
            yield pytest.param(name, error, id=f"{name}-load")
            continue
        yield from (pytest.param(name, check, id=f"{name}-{check.__name__}") for check in own)


@pytest.mark.parametrize(("name", "check"), [*everything()])
def test_conformance(name, check):
    if isinstance(check, BackendUnavailable):
        if name in set(required()):
            pytest.fail(f"{name} is required (EIGCORE_REQUIRE), but: {check}")
        pytest.skip(str(check))
    check()


LOADABLE = [name for name, p in eigcore.backends(load=True).items() if p.state == "loaded"]


@pytest.mark.parametrize("name", LOADABLE)
def test_nothing_is_skipped_but_what_is_not_declared(name):
    reasons = {check.skip for check in checks(name) if check.skip}
    assert all("does not declare" in reason for reason in reasons), reasons


@pytest.mark.parametrize("name", LOADABLE)
def test_the_preflight_is_the_first_check_and_no_declaration_skips_it(name):
    first, *rest = checks(name)
    assert first.law.__name__ == "the_preflight_finds_nothing"
    own = [check for check in (first, *rest) if check.case in WHOLE]
    assert len(own) == 6
    assert not any(check.skip for check in own)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, *code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_required_backend_that_cannot_be_loaded_fails(monkeypatch):
    monkeypatch.setenv("EIGCORE_REQUIRE", "numpy,nosuch")
    [own] = [each for each in everything() if each.id == "nosuch-load"]
    with pytest.raises(pytest.fail.Exception, match='There is no backend "nosuch"'):
        test_conformance(*own.values)


WITHOUT_X64 = """
import re
from eigcore.testing import all_laws, checks
narrow = "the_preflight|some|only|a_declared|integers|trace|keeps_batch"
narrow = re.compile(narrow + r"|golden_vectors_are_met.(kth, d=3|smooth, dense)")
ran = skipped = 0
for check in checks("jax"):
    if check.case.dtype == "float64":
        assert "JAX_ENABLE_X64=1" in check.skip, check
        skipped += 1
    elif narrow.match(check.__name__) and not check.skip:
        check()
        ran += 1
print(ran, skipped)
"""


@pytest.mark.skipif("jax" not in LOADABLE, reason="JAX is not installed")
def test_jax_without_x64_obeys_in_float32():
    result = run(["-W", "error", "-c", WITHOUT_X64], JAX_ENABLE_X64="0")
    assert result.returncode == 0, result.stderr
    ran, skipped = map(int, result.stdout.split())
    assert ran >= 8
    assert skipped > 300


def find(law, known):
    own = [check for check in checks("numpy", known) if check.law.__name__ == law]
    return own[0]


def test_a_known_failure_that_holds_is_an_error():
    check = find("shift_sign_and_scale", {"shift_sign_and_scale": "issue 1"})
    with pytest.raises(AssertionError, match="Remove it from"):
        check()


def test_a_known_failure_that_fails_is_expected():
    from eigcore.testing.broken import DescendingOrder

    broken = DescendingOrder(eigcore.get_backend("numpy"))
    name = "counts_from_the_smallest[d=5, float64]"
    [check] = [c for c in checks(broken, {name: "issue 1"}) if c.__name__ == name]
    with pytest.raises(pytest.xfail.Exception, match="issue 1"):
        check()


def test_a_known_failure_of_no_law_is_refused():
    with pytest.raises(InvalidInput, match="neither a law nor a check"):
        checks("numpy", {"shift_sing_and_scale": "a slip"})


@pytest.mark.parametrize("name", ["some_law_runs", "some_law_runs[the backend]"])
def test_what_gives_the_others_a_meaning_is_no_known_failure(name):
    with pytest.raises(InvalidInput, match="Remove it from"):
        checks("numpy", {name: "we test nothing"})


def test_what_is_not_declared_is_skipped_with_that_reason():
    check = find("second_order_is_right_or_raises", {})
    with pytest.raises(pytest.skip.Exception, match="does not declare autodiff=True"):
        check()


def test_every_law_is_a_documented_sentence():
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text("utf-8")
    for name, (law, cases, _) in all_laws().items():
        assert f"`{name}`" in page, name
        assert law.__doc__, name
        assert len({case.label for case in cases}) == len(cases), name
