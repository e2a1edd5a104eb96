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
from eigcore import errors
from eigcore.dispatch import hookspecs

ROOT = Path(__file__).parent.parent
CORE = ROOT / "eigcore"
BACKENDS = sorted((ROOT / "backends").glob("eigcore_*.py"))
FRAMEWORKS = {"torch", "jax", "jaxlib", "sklearn", "pandas", "pyarrow", "matplotlib", "cupy"}

# Lowest first; a module imports from its own room and from rows below it, lazily or not.
ORDER = [
    {"errors"},
    {"core"},
    {"dispatch"},
    {"api"},
    {"encoding"},
    {"portable"},
    {"guarantees"},
    {"model"},
    {"fit", "layers"},
    {"testing", "estimators"},
    {"cli"},
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
    allowed = {"encoding": {"pandas", "pyarrow"}, "estimators": {"sklearn"}, "cli": {"pandas"}}
    found = {module.split(".")[0] for module, _ in imports(path)} & FRAMEWORKS
    assert found <= allowed.get(part(path), set())
    early = {module.split(".")[0] for module, _ in imports(path, lazy=False)} & FRAMEWORKS
    assert early <= ({"sklearn"} if part(path) == "estimators" else set())


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


# -- backends


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: path.name)
def test_backends_import_public_names_only(path):
    public = {
        "eigcore": {*eigcore.__all__, "rules", "tracing"},
        "eigcore.errors": {name for name in vars(errors) if name[0].isupper()},
    }
    for module, name in imports(path):
        if not module.startswith("eigcore") or module.startswith("eigcore_native"):
            continue
        assert not name.startswith("_")
        assert not module.split(".")[-1].startswith("_")
        assert name in public.get(module, {name})
    own = {path.stem.split("_")[1], "kernels"}
    others = {p.stem for p in BACKENDS if p.stem.split("_")[1] not in own}
    assert not {module for module, _ in imports(path)} & others


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: path.name)
def test_a_backend_contains_no_calculus(path):
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


@pytest.mark.parametrize("path", BACKENDS, ids=lambda path: path.name)
def test_a_backend_can_be_read_aloud(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 200
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_files_and_functions_of_the_core_are_short(path):
    assert len(path.read_text().splitlines()) <= 450
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            start = (
                node.body[1].lineno
                if ast.get_docstring(node) and len(node.body) > 1
                else node.lineno
            )
            assert node.end_lineno - start < 60, node.name


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
        if inspect.isclass(error):
            assert issubclass(error, errors.EigcoreError), name
            assert inspect.getdoc(error), name
