"""The preflight says in one second what to change; each sentence has a backend that earns it."""

import time

import pytest

import eigcore
from eigcore.testing import malformed
from eigcore.testing.preflight import preflight

SAYS = {
    "NarrowsFloat64": ["has dtype float32", "Expected float64", "switched_off"],
    "IgnoresLike": ["asarray(a, like=b) has dtype float64", "that of b, float32"],
    "LacksFunctions": ["xp has no argsort", "array_api_compat"],
    "GivesLists": ["to_numpy(a) is a list", "Return numpy.asarray(a)"],
    "TakesNoDtype": ["Converting arrays raised TypeError", "like=None, dtype=None, device=None"],
    "ForgetsToReturn": ["returns None from eigenpairs", "Add a return statement"],
    "ValuesOnly": ["one array of shape (2, 2)", "Return values, vectors"],
    "WholeSpectrum": ["shapes (2, 2) and (2, 2, 2)", "instead of (2, 1) and (2, 2, 1)"],
    "FirstPairs": ["eigenvalues [1.]", "Expected [3.]", "values[..., lo : hi + 1]"],
    "Descending": ["from the largest to the smallest", "values[..., ::-1]"],
    "SwappedVectors": ["Expected column j to belong to value j", "Sort both alike"],
    "LongVectors": ["vectors of length [", "Divide by the lengths"],
    "Widens": ["returns float64 and float64 from eigenpairs of float32", "Convert"],
    "NoGradient": ["raised NotSupported: no gradient here", "declare autodiff=False"],
    "HalfOfTheGradient": ["The gradient of 2 λ_0", "multiply", "by the cotangent"],
}


@pytest.mark.parametrize("name", SAYS)
def test_a_wrong_form_is_met_with_what_to_change(name):
    kind = getattr(malformed, name)
    if kind.wraps == "torch":
        pytest.importorskip("torch")
    backend = kind(eigcore.get_backend(kind.wraps))
    found = preflight(backend)
    assert found
    text = "\n".join(found)
    for fact in SAYS[name]:
        assert fact in text, text
    assert all("Expected" in message for message in found)


def test_every_backend_of_a_wrong_form_has_its_sentence():
    law = "the_preflight_finds_nothing"
    assert {kind.__name__ for kind in malformed.MALFORMED if kind.rejected_by == law} <= set(SAYS)


def test_a_good_backend_takes_a_second():
    backend = eigcore.get_backend("numpy")
    began = time.perf_counter()
    assert preflight(backend) == []
    assert time.perf_counter() - began < 1.0


def test_faults_of_several_kinds_are_told_together():
    class Both(malformed.LacksFunctions, malformed.ForgetsToReturn):
        pass

    found = preflight(Both(eigcore.get_backend("numpy")))
    assert len(found) == 2
    assert "argsort" in found[0]
    assert "None" in found[1]
