"""Plugins as a stranger would install them: a module and a .dist-info on sys.path."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import eigcore
from eigcore.dispatch import registry
from eigcore.errors import BackendUnavailable, EigcoreError, InvalidInput

HERE = Path(__file__).parent
PLUGINS = HERE / "plugins"
PAGE = (HERE.parents[1] / "docs" / "write-a-backend.md").read_text()
TREE = {"numpy", "torch", "jax", "strict"}


@pytest.fixture
def install(monkeypatch):
    """Put plugins on sys.path, and forget what was known about backends before and after."""

    def put(*folders):
        for folder in folders:
            monkeypatch.syspath_prepend(str(folder))

    loaded, by_type, modules = dict(registry._loaded), dict(registry._by_type), set(sys.modules)
    for name in set(loaded) - TREE:
        del registry._loaded[name]
    registry._by_type.clear()
    yield put
    registry._loaded.clear()
    registry._loaded.update(loaded)
    registry._by_type.clear()
    registry._by_type.update(by_type)
    for name in set(sys.modules) - modules:
        if name.startswith("eigcore_test_"):
            del sys.modules[name]


@pytest.fixture
def mine(install, tmp_path):
    """Install the plugin that docs/write-a-backend.md describes, from the page itself."""
    [module] = [code for code in blocks("python") if "class MyBackend" in code]
    [project] = blocks("toml")
    (tmp_path / "eigcore_mine.py").write_text(module)
    name = re.search(r'name = "(.*)"', project)[1]
    version = re.search(r'version = "(.*)"', project)[1]
    entry = re.search(r"\[project\.entry-points\.eigcore\]\n(\w+) = \"(\w+)\"", project)
    info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[eigcore]\n{entry[1]} = {entry[2]}\n")
    install(tmp_path)
    yield module
    sys.modules.pop("eigcore_mine", None)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


# folder -> name of the entry point, what the message must say
BROKEN = {
    "missing_library": ["No module named 'eigcore_no_such_library'", "pip install eigcore_no_such"],
    "missing_extra": ["No module named 'eigcore_no_such_library'", '"eigcore-test-missing-extra['],
    "missing_module": ["has no module eigcore_test_missing_module", "--force-reinstall"],
    "import_error": ["ImportError: libfoo.so.1: cannot open", "imports cleanly", "python -c"],
    "exits": ["SystemExit: 3", "imports cleanly"],
    "misspelt_hook": ["unknown hook", "eigcore_bakend", "Rename the function"],
    "wrong_arguments": ["failed while it was imported", "eigcore_backend", "wish"],
    "no_hook": ["has no hook", "eigcore.plugin.hookimpl", "install the plugin again"],
    "wrong_name": ["calls itself 'other'", "the entry point and Backend.name to agree"],
    "no_name": ["calls itself None"],
    "no_capabilities": ["declares no capabilities", "eigcore.Capabilities"],
    "not_a_backend": ["returned", "subclass of eigcore.Backend"],
    "returns_class": ["returned", "one instance of a subclass of eigcore.Backend"],
    "incomplete": ["failed in eigcore_backend()", "TypeError", "eigenpairs"],
    "hook_raises": ["failed in eigcore_backend()", "RuntimeError: no device", "Report it"],
    "too_old": ["plugin API 0", "too old", "pip install --upgrade eigcore-test-too-old"],
    "no_version": ["plugin API None", "too old"],
    "too_new": ["plugin API 99", "too new", "pip install --upgrade eigcore"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_says_who_it_is_what_is_wrong_and_what_to_type(name, install):
    install(PLUGINS / name)
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend(name)
    message = str(caught.value)
    assert f'Backend "{name}"' in message
    assert f"eigcore-test-{name.replace('_', '-')} 1.2.3" in message
    assert "Expected" in message
    for fact in BROKEN[name]:
        assert fact in message
    assert isinstance(caught.value, EigcoreError)
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_state(name, install):
    install(PLUGINS / name)
    before = eigcore.backends()
    assert before[name].state == "available"
    assert before[name].distribution == f"eigcore-test-{name.replace('_', '-')}"
    assert before[name].version == "1.2.3"
    after = eigcore.backends(load=True)
    assert after[name].state == "unavailable"
    for fact in BROKEN[name]:
        assert fact in after[name].error
    assert {key: after[key].state for key in TREE} == dict.fromkeys(TREE, "loaded")
    assert eigcore.backends()[name].state == "unavailable"


@pytest.mark.parametrize("name", ["missing_library", "import_error", "hook_raises"])
def test_the_reason_is_chained_and_not_hidden(name, install):
    install(PLUGINS / name)
    for _ in range(2):
        with pytest.raises(BackendUnavailable) as caught:
            eigcore.get_backend(name)
        assert caught.value.__cause__ is not None
    with pytest.raises(BackendUnavailable) as again:
        eigcore.get_backend(name)
    assert again.value is not caught.value


def test_all_broken_plugins_together_leave_every_other_backend_working(install, mine):
    install(*(PLUGINS / name for name in (*BROKEN, "twice_a", "twice_b", "no_metadata")))
    found = eigcore.backends(load=True)
    assert set(found) == {*BROKEN, "twice", "no_metadata", "mine", *TREE}
    good = {name for name, provenance in found.items() if provenance.state == "loaded"}
    assert good == {"mine", "no_metadata", *TREE}
    for name in good:
        value = eigcore.kth_eigenvalue([[2.0, 1.0], [1.0, 2.0]], 0, backend=name)
        assert float(value) == pytest.approx(1.0)
        assert found[name].capabilities.dtypes
    assert float(eigcore.kth_eigenvalue(np.diag([2.0, 1.0]), 0)) == pytest.approx(1.0)


def test_two_providers_of_one_name_are_both_named(install):
    install(PLUGINS / "twice_a", PLUGINS / "twice_b")
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("twice")
    message = str(caught.value)
    for fact in ("provided twice", "eigcore-test-twice-a 1.2.3", "eigcore-test-twice-b 2.0.0"):
        assert fact in message
    assert "pip uninstall eigcore-test-twice-" in message
    provenance = eigcore.backends()["twice"]
    assert provenance.state == "unavailable"
    assert "twice-a" in provenance.distribution
    assert "twice-b" in provenance.distribution


def test_one_of_two_providers_works_alone(install):
    install(PLUGINS / "twice_a")
    assert eigcore.get_backend("twice").name == "twice"


def test_a_name_of_eigcore_itself_cannot_be_taken_over(install, tmp_path):
    info = tmp_path / "thief-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thief\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[eigcore]\njax = eigcore_test_twice_a\n")
    install(tmp_path)
    registry._loaded.pop("jax", None)
    with pytest.raises(BackendUnavailable, match=r"provided twice: .*thief 1\.0"):
        eigcore.get_backend("jax")
    assert eigcore.get_backend("numpy").name == "numpy"


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


# -- the good plugin


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


def test_the_example_call_of_the_page_runs(mine):
    [code] = [code for code in blocks("python") if code.startswith("import eigcore")]
    exec(compile(code, "docs/write-a-backend.md", "exec"), {})


def test_the_conformance_test_of_the_page_passes_on_its_plugin(mine, tmp_path):
    pytest.importorskip("eigcore.testing", reason="the conformance kit is not there yet")
    if not hasattr(__import__("eigcore.testing").testing, "checks"):
        pytest.skip("the conformance kit has no checks() yet")
    [code] = [code for code in blocks("python") if "eigcore.testing" in code]
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    (tmp_path / "test_mine.py").write_text(code)
    result = run(
        "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "test_mine.py", path=[tmp_path]
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert re.search(r"[1-9]\d* passed", result.stdout)


def test_every_message_in_the_table_of_the_page_is_one_that_eigcore_gives():
    source = Path(registry.__file__).read_text().replace('"\n            f"', "")
    for message in re.findall(
        r"^\| ([a-z][^|]*?) \|", PAGE.split("## 4.")[1].split("## 5.")[0], re.MULTILINE
    ):
        fragment = message.split("…")[0].strip().split(": ")[0]
        if fragment != "you see":
            assert fragment in source, fragment


# -- from outside


def run(*arguments, path=(), **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **environment},
        capture_output=True,
        text=True,
        cwd=path[0] if path else None,
        check=False,
    )


def test_import_eigcore_survives_every_broken_plugin_and_loads_none():
    code = """
    import sys, eigcore
    from eigcore import api
    from eigcore.dispatch import registry
    before = [name for name in sys.modules if name.startswith("eigcore_")]
    assert not before, before
    assert len(eigcore.backends()) >= 20, eigcore.backends()
    assert not [name for name in sys.modules if name.startswith("eigcore_")]
    assert eigcore.kth_eigenvalue([[2.0]], 0) == 2.0
    print([name for name in sys.modules if name.startswith("eigcore_")])
    """
    folders = [folder for folder in sorted(PLUGINS.iterdir()) if folder.is_dir()]
    result = run("-W", "error", "-c", textwrap.dedent(code), path=folders)
    assert result.returncode == 0, result.stderr
    assert "'eigcore_numpy'" in result.stdout
    assert not re.search("eigcore_(torch|jax|test)", result.stdout)


def test_a_broken_default_backend_is_an_error_and_not_a_fallback():
    code = "import eigcore; eigcore.kth_eigenvalue([[2.0]], 0)"
    result = run("-c", code, path=[PLUGINS / "import_error"], EIGCORE_BACKEND="import_error")
    assert result.returncode == 1
    assert 'BackendUnavailable: Backend "import_error"' in result.stderr
