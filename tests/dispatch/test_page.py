"""docs/write-a-backend.md: its plugin, packaging and test are taken from the page and run."""

import re

import numpy as np
import pytest

import eigcore
from eigcore.errors import InvalidInput
from eigcore.testing import checks


def test_the_plugin_of_the_page_is_short(mine):
    assert len(mine.splitlines()) < 100


def test_the_plugin_of_the_page_is_listed(mine):
    provenance = eigcore.backends()["mine"]
    assert provenance.state == "available"
    assert (provenance.distribution, provenance.version) == ("eigcore-mine", "0.1.0")
    eigcore.get_backend("mine")
    provenance = eigcore.backends()["mine"]
    assert provenance.state == "loaded"
    assert provenance.capabilities.dtypes == ("float64", "float32")


@pytest.mark.parametrize("functional", ["kth", "smooth"])
@pytest.mark.parametrize("structure", ["dense", "tridiagonal", "diagonal"])
def test_the_plugin_of_the_page_evaluates_and_differentiates_models(structure, functional, mine):
    alpha = 0.5 if functional == "smooth" else None
    spec = eigcore.EigSpec(3, 4, structure=structure, functional=functional, alpha=alpha)
    rng = np.random.default_rng(0)
    params, x = rng.normal(size=spec.params_shape), rng.normal(size=(5, 3))
    with eigcore.trace() as calls:
        values, pullback = eigcore.vjp(spec, params, x, backend="mine")
    assert {call.backend for call in calls} <= {"mine"}
    assert len(calls) == (structure != "diagonal")
    wanted, wanted_pullback = eigcore.vjp(spec, params, x, backend="numpy")
    np.testing.assert_allclose(values, wanted, atol=1e-13)
    np.testing.assert_allclose(eigcore.evaluate(spec, params, x, backend="mine"), wanted)
    for ours, theirs in zip(pullback(values), wanted_pullback(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_the_plugin_of_the_page_can_be_the_default(mine):
    with eigcore.use_backend("mine") as backend, eigcore.trace() as calls:
        assert backend.name == "mine"
        eigcore.kth_eigenvalue([[1.0, 0.0], [0.0, 2.0]], 1)
    assert calls[0].backend == "mine"


def test_what_the_plugin_does_not_declare_is_refused(mine):
    with pytest.raises(InvalidInput, match='float16 is not among those of backend "mine"'):
        eigcore.kth_eigenvalue(np.eye(2, dtype="float16"), 0, backend="mine")


def test_the_example_call_of_the_page_runs(mine, page):
    [code] = [code for code in page.blocks("python") if code.startswith("import eigcore")]
    exec(compile(code, "docs/write-a-backend.md", "exec"), {})


MIXED = "libraries_are_not_mixed"  # imports every framework: here, not in a new process


def test_the_plugin_of_the_page_mixes_with_no_other_library(mine):
    own = [check for check in checks("mine") if check.law.__name__ == MIXED]
    assert own
    for check in own:
        check()


def test_the_conformance_test_of_the_page_passes_on_its_plugin(mine, tmp_path, page, run):
    [code] = [code for code in page.blocks("python") if "eigcore.testing" in code]
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    (tmp_path / "test_mine.py").write_text(code)
    alone = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", f"not {MIXED}"]
    result = run(*alone, "test_mine.py", path=[tmp_path])
    assert result.returncode == 0, result.stdout[-3000:]
    assert re.search(r"[1-9]\d* passed", result.stdout)
