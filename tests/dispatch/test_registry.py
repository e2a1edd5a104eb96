"""Which backend a call means: its argument, its arrays, the default."""

import collections
import fractions
import shutil
import sys
import types

import numpy as np
import pytest

import eigcore
from eigcore.dispatch import registry
from eigcore.errors import BackendUnavailable, InvalidInput

TREE = {"numpy", "torch", "jax", "strict"}


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("nonsense")
    message = str(caught.value)
    assert 'There is no backend "nonsense"' in message
    for name in TREE:
        assert name in message
    assert "eigcore backends" in message


def test_arrays_of_a_library_whose_backend_is_broken_do_not_go_to_another(install, tmp_path):
    # Nothing falls back silently: its arrays would else be converted and computed by numpy.
    info = tmp_path / "eigcore_test_lost-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lost\nVersion: 1.2.3\n")
    (info / "entry_points.txt").write_text("[eigcore]\nlostlib = eigcore_test_lost\n")
    (tmp_path / "lostlib.py").write_text("import numpy\nclass Array(numpy.ndarray):\n    pass\n")
    install(tmp_path)
    import lostlib

    with pytest.raises(BackendUnavailable, match=r"lost 1\.2\.3"):
        eigcore.kth_eigenvalue(np.eye(2).view(lostlib.Array), 0)
    assert float(eigcore.kth_eigenvalue(np.eye(2), 0)) == pytest.approx(1.0)
    sys.modules.pop("lostlib")


@pytest.mark.parametrize("name", ["eigcore_test_matr", "eigcore_test_matrices_gpu"])
def test_a_broken_plugin_stands_in_the_way_of_its_own_arrays_only(
    install, tmp_path, matrices, name
):
    # its name may begin like another's library, and it may require that library for its own ends
    info = tmp_path / "broken-1.2.3.dist-info"
    info.mkdir()
    lines = "Metadata-Version: 2.1", "Name: broken", "Requires-Dist: pandas", "Version: 1.2.3", ""
    (info / "METADATA").write_text("\n".join(lines))
    (info / "entry_points.txt").write_text(f"[eigcore]\n{name} = lost\npan = lost\n")
    install(tmp_path)
    assert eigcore.backends(load=True)["pan"].state == "unavailable"
    with pytest.raises(BackendUnavailable):
        eigcore.get_backend("eigcore_test_m")  # there is none
    table = pytest.importorskip("pandas").DataFrame([[2.0, 0.0], [0.0, 1.0]])
    assert float(eigcore.kth_eigenvalue(table, 0)) == 1.0
    if "gpu" in name:
        with pytest.raises(BackendUnavailable, match=r"broken 1\.2\.3"):
            eigcore.kth_eigenvalue(matrices, 0)
    else:
        assert float(eigcore.kth_eigenvalue(matrices, 0)) == 1.0


@pytest.fixture
def matrices(monkeypatch):
    """Arrays of a library `eigcore_test_matrices` that NumPy could read too."""
    module = types.ModuleType("eigcore_test_matrices")
    kind = type("Array", (np.ndarray,), {"__module__": "eigcore_test_matrices"})
    monkeypatch.setitem(sys.modules, "eigcore_test_matrices", module)
    return np.diag([2.0, 1.0]).view(kind)


def test_an_array_of_an_unknown_library_loads_no_plugin(install, plugins, matrices):
    install(plugins / "twice_a", plugins / "import_error", plugins / "no_metadata")
    known = set(registry._loaded)
    assert float(eigcore.kth_eigenvalue(matrices, 0)) == 1.0
    assert set(registry._loaded) - known <= {"numpy"}
    assert "eigcore_test_twice_a" not in sys.modules


def test_an_array_loads_the_plugin_that_requires_its_library(install, plugins, matrices):
    install(plugins / "acme", plugins / "twice_a")
    with eigcore.trace():
        chosen = registry.infer(matrices)
    assert chosen.name == "acme"
    assert "twice" not in registry._loaded


def test_a_loaded_plugin_gets_its_arrays_though_its_names_say_nothing(
    install, plugins, matrices, tmp_path
):
    copied = shutil.copytree(plugins / "acme", tmp_path / "acme")
    next(copied.glob("*.dist-info/METADATA")).unlink()
    install(copied)
    assert registry.infer(matrices).name == "numpy"
    eigcore.get_backend("acme")
    assert registry.infer(matrices).name == "acme"


def test_no_plugin_takes_the_arrays_of_a_backend_of_eigcore(install, tmp_path, plugins):
    source = (plugins / "twice_a" / "eigcore_test_twice_a.py").read_text()
    source = source.replace("arrays=()", 'arrays=("numpy",)').replace('"twice"', '"greedy"')
    (tmp_path / "eigcore_test_greedy.py").write_text(source)
    info = tmp_path / "numpy_eigcore_greedy-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy-eigcore-greedy\n")
    (info / "entry_points.txt").write_text("[eigcore]\ngreedy = eigcore_test_greedy\n")
    install(tmp_path)
    assert eigcore.get_backend("greedy").name == "greedy"
    assert registry.infer(np.eye(2)).name == "numpy"


def test_what_is_no_array_at_all_is_named(install):
    class Strange:
        pass

    with pytest.raises(InvalidInput) as caught:
        eigcore.kth_eigenvalue(Strange(), 0)
    message = str(caught.value)
    assert f"knows the type {__name__}" in message
    assert "Strange" in message
    assert "Type: numpy.asarray(a)" in message


def test_tables_lists_and_numbers_go_to_the_default_backend():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame([[2.0, 0.0], [0.0, 1.0]])
    for M in (table, collections.deque([[2.0, 0.0], [0.0, 1.0]]), [[2, 0], [0, 1]]):
        assert float(eigcore.kth_eigenvalue(M, 0)) == 1.0
    assert registry.infer(fractions.Fraction(1, 2)).name == "numpy"


def test_a_broken_default_backend_is_an_error_and_not_a_fallback(run, plugins):
    code = "import eigcore; eigcore.kth_eigenvalue([[2.0]], 0)"
    result = run("-c", code, path=[plugins / "import_error"], EIGCORE_BACKEND="import_error")
    assert result.returncode == 1
    assert 'Backend "import_error"' in result.stderr
    assert "The environment variable EIGCORE_BACKEND chooses a backend" in result.stderr


def test_a_variable_that_names_no_backend_is_named_and_so_is_the_way_out(monkeypatch):
    monkeypatch.setenv("EIGCORE_BACKEND", "foo")
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.kth_eigenvalue([[2.0]], 0)
    message = str(caught.value)
    assert message.startswith("The environment variable EIGCORE_BACKEND chooses")
    assert 'There is no backend "foo"' in message
    assert message.endswith("for the default backend: unset EIGCORE_BACKEND")
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("foo")
    assert "EIGCORE_BACKEND" not in str(caught.value)
    assert eigcore.get_backend("numpy").name == "numpy"


def test_arrays_of_two_libraries_name_the_one_to_convert(install, plugins, matrices):
    install(plugins / "acme")
    for chosen, where in ((None, "one call"), ("numpy", "a call with backend='numpy'")):
        with pytest.raises(InvalidInput) as caught:
            registry.infer(matrices, np.eye(2), backend=chosen)
        assert str(caught.value) == (
            f"Arrays of acme and numpy came into {where}; expected one library. Convert the "
            f'arrays of acme: eigcore.get_backend("numpy").asarray(array)'
        )
