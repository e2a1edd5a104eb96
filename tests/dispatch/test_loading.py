"""A plugin that cannot be used says who it is, what is wrong, what is expected, what to type."""

import re

import numpy as np
import pytest

import eigcore
from eigcore.errors import BackendUnavailable, EigcoreError

TREE = {"numpy", "torch", "jax", "strict"}

# folder and name of the entry point -> what the message must say
BROKEN = {
    "missing_library": ["No module named 'eigcore_no_such_library'", "pip install eigcore_no_such"],
    "missing_extra": ["No module named 'eigcore_no_such_library'", '"eigcore-test-missing-extra['],
    "missing_module": ["has no module eigcore_test_missing_module", "--force-reinstall"],
    "malformed_value": ["has a malformed entry point", 'malformed_value = "a_module"'],
    "import_error": ["ImportError: libfoo.so.1: cannot open", "imports cleanly", "python -c"],
    "old_imports": ["another eigcore", "No module named 'eigcore.hookspecs'", "--upgrade eigcore-"],
    "new_imports": ["another eigcore", "cannot import name 'Tensors'", "eigcore.plugin", "API 3"],
    "exits": ["SystemExit: 3", "imports cleanly"],
    "misspelt_hook": ["unknown hook", "eigcore_bakend", "Rename the function"],
    "wrong_arguments": ["defines eigcore_backend(wish)", "without arguments", "Change it"],
    "no_hook": ["has no hook", "eigcore.plugin.hookimpl", "install the plugin again"],
    "module_function": [
        "names an object inside a module",
        "the module alone",
        'module_function = "eigcore_test_module_function"',
    ],
    "wrong_name": ["calls itself 'other'", "the entry point and Backend.name to agree"],
    "no_name": ["calls itself None"],
    "no_xp": ["has no array namespace xp", "Write xp = numpy"],
    "text_xp": ["has 'numpy' as xp", "Write xp = numpy"],
    "no_capabilities": ["declares no capabilities", "eigcore.plugin.Capabilities"],
    "text_dtypes": ["dtypes='float64'", "Expected a tuple", "Write dtypes=('float64',)"],
    "unknown_dtype": ["'double' among its dtypes", "float64, float32, float16, bfloat16"],
    "not_a_backend": ["returned 'numpy'", "subclass of eigcore.Backend"],
    "hook_forgets": ["returned None", "Return it from eigcore_backend()"],
    "returns_class": ["returned", "one instance of a subclass of eigcore.Backend"],
    "incomplete": ["failed in eigcore_backend()", "TypeError", "eigenpairs"],
    "hook_raises": ["failed in eigcore_backend()", "RuntimeError: no device", "report it"],
    "too_old": ["plugin API 2", "too old", "pip install --upgrade eigcore-test-too-old"],
    "no_version": ["plugin API None", "too old"],
    "too_new": ["plugin API 4", "too new", "pip install --upgrade eigcore"],
    "returns_none": ["returns None from eigenpairs", "a tuple of values", "Add a return"],
    "values_only": ["returns one array of shape (1,) from eigenpairs", "Return values, vectors"],
    "whole_spectrum": ["returns shapes (2,) and (2, 2)", "lo : hi + 1"],
    "note_raises": ["failed while eigcore read it: RuntimeError: no device", "can be read"],
    "xp_raises": ["failed while eigcore read it: RuntimeError: no device", "can be read"],
    "capabilities_raise": ["failed while eigcore read it: RuntimeError: no device", "can be"],
    "number_note": ["has 3 as note", "Write note = '...'"],
    "number_xp": ["has 3 as xp", "Write xp = numpy"],
    "text_api": ["has '3' as plugin_api", "a whole number", "Write plugin_api = 3"],
    "text_flag": ["declares autodiff='no'", "True or False", "Write autodiff=False"],
    "second_order_alone": ["second_order=True without autodiff=True", "Write autodiff=True"],
    "missing_object": ["names an object", 'missing_object = "eigcore_test_missing_object"'],
    "panics": ["imported: PanicException: index out of bounds", "imports cleanly"],
    "hook_panics": ["failed in eigcore_backend(): PanicException: index out of", "report it"],
    "own_error": ["failed in eigcore_backend(): BackendUnavailable: no driver", "report it"],
    "solver_exits": ["failed in asarray or eigenpairs", "SystemExit: no device", "report it"],
    "solver_raises": ["failed in asarray or eigenpairs", "RuntimeError: no device", "report it"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_says_who_it_is_what_is_wrong_and_what_to_type(name, install, plugins):
    install(plugins / name)
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
def test_a_broken_plugin_is_listed_with_its_state(name, install, plugins):
    install(plugins / name)
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


CHAINED = ["missing_library", "import_error", "hook_raises", "solver_raises", "note_raises"]


@pytest.mark.parametrize("name", CHAINED)
def test_the_reason_is_chained_and_not_hidden(name, install, plugins):
    install(plugins / name)
    for _ in range(2):
        with pytest.raises(BackendUnavailable) as caught:
            eigcore.get_backend(name)
        assert caught.value.__cause__ is not None
    with pytest.raises(BackendUnavailable) as again:
        eigcore.get_backend(name)
    assert again.value is not caught.value


@pytest.mark.parametrize("name", ["solver_raises", "note_raises", "hook_raises"])
def test_authors_of_a_plugin_see_the_line_that_failed(name, plugins, run):
    shown = ["-m", "eigcore.cli", "--debug", "backends", "check", name]
    told = run(*shown, path=[plugins / name]).stderr
    assert "no device" in told
    assert f"eigcore_test_{name}.py" in told
    assert f"If it is yours, type: eigcore --debug backends check {name} for the traceback" in told


def test_all_broken_plugins_together_leave_every_other_backend_working(install, mine, plugins):
    # without entry_points.txt that nobody can read: JAX reads those of all packages too
    others = ("twice_a", "twice_b", "no_metadata", "thief", "leftover")
    install(*(plugins / name for name in (*BROKEN, *others)))
    found = eigcore.backends(load=True)
    assert set(found) == {*BROKEN, "twice", "no_metadata", "mine", *TREE}
    good = {name for name, provenance in found.items() if provenance.state == "loaded"}
    assert good == {"mine", "no_metadata", *TREE}
    for name in good:
        value = eigcore.kth_eigenvalue([[2.0, 1.0], [1.0, 2.0]], 0, backend=name)
        assert float(value) == pytest.approx(1.0)
        assert found[name].capabilities.dtypes
    assert float(eigcore.kth_eigenvalue(np.diag([2.0, 1.0]), 0)) == pytest.approx(1.0)


def test_the_first_solve_of_a_plugin_is_no_part_of_a_trace(mine):
    with eigcore.trace() as calls:
        eigcore.get_backend("mine")
    assert calls == []


def test_every_row_of_the_table_of_the_page_quotes_a_message(install, plugins, page):
    install(*(plugins / name for name in (*BROKEN, "twice_a", "twice_b", "broken_section")))
    said = [record.error for record in eigcore.backends(load=True).values()]
    with pytest.raises(BackendUnavailable) as caught:
        eigcore.get_backend("broken_section")
    said.append(str(caught.value))
    rows = re.findall(r"^\| ([^|]*?) \|", page.split("## 4.")[1].split("## 5.")[0], re.MULTILINE)
    assert len(rows) > 15
    for row in rows[1:]:
        quoted = ".*".join(re.escape(part.strip()) for part in row.split("…"))
        assert any(re.search(quoted, message) for message in said), row


def test_import_eigcore_survives_every_broken_plugin_and_loads_none(run, plugins):
    code = """if True:
    import sys, eigcore
    from eigcore import api
    from eigcore.dispatch import registry
    before = [name for name in sys.modules if name.startswith("eigcore_")]
    assert not before, before
    assert len(eigcore.backends()) >= 30, eigcore.backends()
    assert not [name for name in sys.modules if name.startswith("eigcore_")]
    assert eigcore.kth_eigenvalue([[2.0]], 0) == 2.0
    print([name for name in sys.modules if name.startswith("eigcore_")])
    """
    folders = [folder for folder in sorted(plugins.iterdir()) if folder.is_dir()]
    result = run("-W", "error", "-c", code, path=folders)
    assert result.returncode == 0, result.stderr
    assert "'eigcore_numpy'" in result.stdout
    assert not re.search("eigcore_(torch|jax|test)", result.stdout)
