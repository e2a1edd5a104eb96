"""The shape of the code: which file may know which, and what may stand where."""

import ast
import functools
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import eigcore
from eigcore import errors, plugin
from eigcore.dispatch import hookspecs

ROOT = Path(__file__).parent.parent
CORE = ROOT / "eigcore"
UNSHIPPED = ("native/tests/", "native/bench.py", "native/timing.py")


def guarded(folder):
    """Every Python file below the folder of the backends that a user may get."""
    for path in sorted(folder.rglob("*.py")):
        if not path.relative_to(folder).as_posix().startswith(UNSHIPPED):
            yield path


BACKENDS = [*guarded(ROOT / "backends")]
EXAMPLES = [*(ROOT / "docs" / "examples").glob("*/eigcore_*.py")]
TESTS = [*(ROOT / "tests").rglob("test_*.py")]
FRAMEWORKS = {"torch", "jax", "jaxlib", "sklearn", "pandas", "pyarrow", "matplotlib", "cupy"}

# Lowest first; a module imports from its own room and from rows below it, lazily or not.
ORDER = [
    {"errors"},
    {"writing", "drawing"},
    {"core"},
    {"dispatch"},
    {"api", "operators", "rmt"},
    {"encoding", "lowrank", "spectra", "dynamics", "graph"},
    {"portable"},
    {"guarantees"},
    {"calibration"},
    {"model"},
    {"fit", "layers", "plots"},
    {"testing", "estimators", "plugin", "report"},
    {"convert"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, row in enumerate(ORDER) for name in row}


def modules(folder=CORE):
    return sorted(folder.rglob("*.py"))


def part(path):
    """The name in ORDER that a file of the core belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


@functools.cache
def tree(path):
    return ast.parse(path.read_text())


def imports(path, lazy=True):
    """(module, name) pairs that a file imports; without lazy, those of import time only."""
    for node in walk(tree(path), lazy):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write absolute imports"
            yield from ((node.module, alias.name) for alias in node.names)


def walk(node, lazy):
    for child in ast.iter_child_nodes(node):
        function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not typing and (lazy or not function):
            yield child
            yield from walk(child, lazy)


def rooms(path):
    """Rooms of the core that a file imports."""
    for module, name in imports(path):
        if module == "eigcore":
            yield eigcore._HOME.get(name, name).split(".")[0]
        elif module.startswith("eigcore."):
            yield module.split(".")[1]


def test_every_file_of_the_core_has_its_place_in_the_order():
    found = {part(path) for path in modules()} - {"__init__"}
    assert found == set(LEVEL)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_arrows_never_turn_back(path):
    here = part(path)
    if here == "__init__":
        assert not list(rooms(path))
        return
    for other in set(rooms(path)) - {here, "__version__", ""}:
        assert LEVEL[other] < LEVEL[here], f"{here} imports {other}, which is not below it"


def test_the_core_below_the_registry_knows_no_backend_and_nobody_imports_one_by_name():
    for path in modules():
        for module, _ in imports(path):
            root = module.split(".")[0]
            assert not re.fullmatch(r"eigcore_\w+", root), f"{path} imports {root}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_no_framework_is_imported_in_the_core(path):
    allowed = {
        "encoding": {"pyarrow"},
        "estimators": {"sklearn"},
        "cli": {"matplotlib"},
        "drawing": {"matplotlib"},
    }
    found = {module.split(".")[0] for module, _ in imports(path)} & FRAMEWORKS
    assert found <= allowed.get(part(path), set())
    early = {module.split(".")[0] for module, _ in imports(path, lazy=False)} & FRAMEWORKS
    assert early <= ({"sklearn"} if part(path) == "estimators" else set())


def test_arrays_of_any_library_are_transposed_by_its_namespace():
    """Tensors of TensorFlow have no `.mT`."""
    for path in modules():
        if part(path) in ("core", "api", "layers", "graph"):
            names = {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}
            assert "mT" not in names, path


def test_only_discovery_knows_entry_points():
    knowing = {
        path.name
        for path in modules()
        if any(
            "entry_points" in ast.unparse(n)
            for n in ast.walk(tree(path))
            if isinstance(n, ast.Attribute)
        )
    }
    assert knowing == {"discovery.py"}


HEAVY = FRAMEWORKS | {"eigcore_torch", "eigcore_jax", "typer", "rich"}


@pytest.mark.parametrize(
    "code",
    [
        "import eigcore",
        "import eigcore; eigcore.fit",
        "import eigcore; eigcore.backends()",
        "from eigcore import EigSpec, SpectralModel, Encoding, evaluate, get_backend, trace",
        "import eigcore; eigcore.kth_eigenvalue([[2.0]], 0)",
        "import eigcore, numpy; eigcore.kth_eigenvalue(numpy.eye(2), 0)",
        "import eigcore.fit, eigcore.guarantees.certificate, eigcore.guarantees.explanation",
    ],
)
def test_the_core_loads_no_framework(code):
    report = f"{code}\nimport sys; print(sorted(set(sys.modules) & {HEAVY!r}))"
    result = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_import_eigcore_alone_loads_not_even_numpy():
    code = "import eigcore, sys; print({'numpy', 'scipy', 'pluggy'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_rooms_are_reached_by_their_names():
    """In a new process: imports of other tests would set the attributes."""
    code = """
import eigcore, inspect
assert "fit" in dir(eigcore)
for name in eigcore._ROOMS:
    assert getattr(eigcore, name).__name__ == f"eigcore.{name}"
from eigcore.fit import fit
assert inspect.signature(eigcore.fit) == inspect.signature(fit)
o = dict(dim=1, knots=0, members=1, penalty=1e-3, max_iter=1, validation=0)
result = eigcore.fit({"a": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0], **o)
assert isinstance(result, eigcore.fit.FitResult)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# -- backends


OFFERED = {
    "eigcore.plugin": set(plugin.__all__),
    "eigcore.errors": {name for name, e in vars(errors).items() if inspect.isclass(e)},
}
DYNAMIC = {"importlib", "imp", "pkgutil", "runpy", "builtins", "sys", "pydoc", "zipimport"}
"""Modules by which any module can be had, under any name: a backend imports none of them."""
HIDDEN = {"__import__", "exec", "eval", "__builtins__", "__globals__", "__loader__", "__spec__"}


def trespasses(source, offered=OFFERED, own=None):
    """What a backend imports of eigcore, now or lazily, beside what is offered; how it may hide it.

    Of the package `own` all is known.
    """
    code = ast.parse(source)
    found = [each for node in ast.walk(code) for each in refused(node, offered, own)]
    return found + [ast.unparse(node) for node in dynamic(code)]


def refused(node, offered, own):
    """Yield what a single statement or text says of eigcore that is not offered."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        yield from (name for name in names if name.split(".")[0] == "eigcore")
        yield from (name for name in names if private(own, name))
    elif isinstance(node, ast.ImportFrom):
        module, names = node.module or "", [alias.name for alias in node.names]
        if node.level:
            yield f"{'.' * node.level}{module}: write absolute imports"
        elif module.split(".")[0] == "eigcore":
            strange = set(names) - offered.get(module, set())
            yield from (f"{module}: {name}" for name in sorted(strange))
        elif private(own, module, *names):
            yield f"{module}: {names}"
    elif isinstance(node, ast.Constant) and re.fullmatch(r"eigcore(\.\w+)+", str(node.value)):
        yield node.value


def private(own, module, *names):
    """Whether a module of another backend is private, or one of the names in it."""
    root, *inside = (*module.split("."), *names)
    return root.startswith("eigcore_") and root != own and any(n[0] == "_" for n in inside)


def dynamic(code):
    """Yield the nodes by which a module could be imported unseen."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0], *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.Constant):
            names = [node.value]
        else:
            continue
        method = isinstance(node, ast.Attribute) and node.attr in ("eval", "exec")
        if not method and {*names} & (DYNAMIC | HIDDEN):
            yield node


def imported(code):
    """(module, names) of every import in a tree."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, [alias.name for alias in node.names]


def guard(name, more=""):
    """The trespasses of a file below backends, with more lines at its end."""
    native = name.startswith("native/")  # uses nothing of eigcore
    source = (ROOT / "backends" / name).read_text()
    offered, own = ({}, "eigcore_native") if native else (OFFERED, None)
    return trespasses(f"{source}\n{more}\n", offered, own)


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_backend_imports_eigcore_plugin_and_errors_only(path):
    assert not guard(path.relative_to(ROOT / "backends").as_posix())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_of_a_backend_imports_eigcore_plugin_and_errors_only(path):
    assert not trespasses(path.read_text())


def test_every_file_of_a_backend_is_guarded(tmp_path):
    new = ["eigcore_torch/deep/deeper/x.py", "helpers.py", "native/x.py", "native/python/a/b/x.py"]
    for name in (*new, "native/bench.py", "native/timing.py", "native/tests/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in guarded(tmp_path)] == sorted(new)


@pytest.mark.parametrize(
    "line",
    [
        "from eigcore.fit.search.race import validate",
        "def f():\n    from eigcore.fit.search.race import validate",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from eigcore.core import rules",
        "import eigcore.fit",
        "import eigcore.fit as other",
        "import math, eigcore.core.packing",
        "import eigcore",
        "import eigcore.plugin",
        "import eigcore.plugin\neigcore.fit",
        "import eigcore.errors as e\ne.sys",
        "from eigcore import get_backend",
        "from eigcore import plugin\nplugin.importlib",
        "from eigcore import errors",
        "from eigcore.dispatch.backend import Backend",
        "from eigcore.plugin import get_backend",
        "from eigcore.plugin import importlib",
        "from eigcore.plugin import _HOME",
        "from eigcore.plugin import *",
        "from eigcore.errors import os",
        "from .. import eigcore_kernels",
        "from ..eigcore import fit",
        'import importlib\nimportlib.import_module("eigcore.fit")',
        'import importlib\nimportlib.import_module(".fit", "eigcore")',
        'import importlib\nimportlib.import_module("eigcore").evaluate',
        'import importlib\nimportlib.import_module("eigcore" + ".fit")',
        "import importlib\nimportlib.import_module(f\"eigcore.{'fit'}\")",
        'import importlib as i\ni.import_module("eig" + "core")',
        'from importlib import import_module\nimport_module("eig" + "core")',
        'from importlib.util import find_spec\nfind_spec("eig" + "core").loader.load_module()',
        '__import__("eigcore.core.rules")',
        '__import__("eigcore").evaluate',
        '__import__("eigcore", fromlist=["fit"])',
        'import builtins\nbuiltins.__import__("eigcore")',
        '__builtins__["__import__"]("eigcore")',
        'exec("from eigcore.core.rules import Rule")',
        "eval(\"__import__('eigcore')\")",
        'import pkgutil\npkgutil.resolve_name("eigcore.core.rules:Rule")',
        'import runpy\nrunpy.run_module("eig" + "core.fit")',
        'import sys\nsys.modules["eigcore"]',
        'from sys import modules\nmodules["eigcore"]',
        "def f(rule):\n    return type(rule).value.__globals__",
        'getattr(print, "__globals__")',
        "from eigcore_torch._tensors import viewed",
        "import eigcore_torch._tensors",
        "from eigcore_kernels import _load",
    ],
)
@pytest.mark.parametrize(
    "name",
    ["eigcore_numpy.py", "eigcore_torch/nodes.py", "eigcore_torch/cuda.py", "native/jax.py"],
)
def test_the_guard_sees_a_trespass(name, line):
    name = name.replace("native/", "native/python/eigcore_native/")
    assert not guard(name)
    assert guard(name, line)


def test_the_plugin_module_offers_what_backends_use_and_the_page_names_it():
    used = {
        name
        for path in BACKENDS
        for module, names in imported(tree(path))
        for name in names
        if module == "eigcore.plugin"
    }
    page = (ROOT / "docs" / "write-a-backend.md").read_text()
    assert used == set(plugin.__all__) - {"PLUGIN_API"}
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
        assert f"`{name}" in page, f"docs/write-a-backend.md does not explain {name}"


@pytest.mark.parametrize("path", [*BACKENDS, *EXAMPLES], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_backend_contains_no_calculus(path):
    if "native" in path.parts:
        pytest.skip("the kernels are calculus, held to the rules by laws")
    # Everything that multiplies gradients, eigenvectors or weights is called from core.rules.
    code = tree(path)
    for node in ast.walk(code):
        if isinstance(node, ast.BinOp):
            text = ast.unparse(node)
            assert not isinstance(node.op, ast.MatMult), f"{path.name}: {text}"
            words = "grad|vec|weight|lam|tangent|cotangent|bend|curvature"
            assert not re.search(rf"\b\w*({words})\w*\b.*\*|\*.*({words})", text), text
        if isinstance(node, (ast.Attribute, ast.Name)):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in {"einsum", "outer", "matmul", "mT", "bmm"}, f"{path.name}: {name}"


def long_functions(path, most):
    """Functions with more lines than that below their docstring."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) and len(node.body) > 1
            start = node.body[1].lineno if documented else node.lineno
            if node.end_lineno - start >= most:
                yield f"{node.name}: {node.end_lineno - start + 1} lines"


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_backend_can_be_read_aloud(path):
    assert len(path.read_text().splitlines()) <= 300
    assert not list(long_functions(path, 40))


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_backends_are_annotated(path):
    # torch and JAX call some functions with arguments of their own
    free = {"forward", "backward", "jvp", "vmap", "keep", "fake", "body", "shapes", "_", "_refuse"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and node.name not in free:
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [a.arg for a in arguments if a.annotation is None and a.arg != "self"]
            assert not bare, f"{path.name}: {node.name} {bare}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_files_and_functions_of_the_core_are_short(path):
    assert len(path.read_text().splitlines()) <= 300
    assert not list(long_functions(path, 40))


def test_the_folders_of_the_tests_are_the_rooms():
    rooms = {each.relative_to(CORE) for each in CORE.rglob("*") if each.is_dir()}
    beside = {"backends", "benchmarks", "docs"}
    for folder in {path.parent.relative_to(ROOT / "tests") for path in TESTS} - {Path()}:
        assert folder in rooms or folder.parts[0] in beside, folder


# -- documentation

FUNCTIONS = [name for name in eigcore.__all__ if inspect.isfunction(getattr(eigcore, name))]
FREE = {"trace"}  # takes nothing


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_say_what_goes_in_what_comes_out_and_what_is_raised(name):
    function = getattr(eigcore, name)
    text = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters
    if parameters:
        assert "Parameters\n----------" in text
        section = text.split("Parameters\n----------")[1].split("\n---")[0]
        for parameter in parameters:
            assert re.search(rf"^.*\b{parameter}\b", section, re.MULTILINE), parameter
    if name not in {*FREE, "backends", "get_backend"}:
        assert "Returns\n-------" in text
    if name not in {*FREE, "backends"}:
        assert "Raises\n------" in text
        raised = re.findall(r"\b[A-Z]\w+\b", text.split("Raises\n------")[1].split("\n\n")[0])
        assert {r for r in raised if hasattr(errors, r)}, raised


def test_every_shape_in_a_docstring_of_the_api_is_written_out():
    for name in ("kth_eigenvalue", "kth_eigenpair", "smooth_kth_eigenvalue"):
        doc = inspect.getdoc(getattr(eigcore, name))
        assert "(...)" in doc
    assert "(..., d, d) array" in inspect.getdoc(eigcore.kth_eigenvalue)
    assert "(..., n) array" in inspect.getdoc(eigcore.evaluate)


def test_every_hook_and_every_method_of_a_backend_is_in_the_manual():
    page = (ROOT / "docs" / "write-a-backend.md").read_text()
    hooks = [name for name, f in vars(hookspecs).items() if hasattr(f, "eigcore_spec")]
    assert hooks == ["eigcore_backend"]
    abstract = sorted(eigcore.Backend.__abstractmethods__)
    variables = [name for name in eigcore.Backend.__annotations__ if not name.startswith("_")]
    for name in (*hooks, *abstract, *variables):
        assert f"`{name}" in page, f"docs/write-a-backend.md does not explain {name}"


def test_every_error_of_eigcore_has_one_parent_and_a_docstring():
    for name, error in vars(errors).items():
        if inspect.isclass(error) and issubclass(error, BaseException):
            assert issubclass(error, (errors.EigcoreError, Warning)), name
            assert inspect.getdoc(error), name
