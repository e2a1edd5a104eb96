"""What the package promises to those who import it."""

import ast
import pathlib

import eigcore_native


def roots(source):
    """Top-level names that a module imports, lazy imports too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0] if node.level == 0 else ""


def test_the_package_imports_nothing_of_eigcore():
    assert "eigcore" in roots("def f():\n    from eigcore.core import rules")
    modules = list(pathlib.Path(eigcore_native.__file__).parent.glob("*.py"))
    assert len(modules) >= 3
    for module in modules:
        assert "eigcore" not in roots(module.read_text()), module.name


def test_the_interface_has_a_version():
    assert eigcore_native.INTERFACE == 2
