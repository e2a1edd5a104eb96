"""The conda recipe and the container file ask for what each pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RECIPE = yaml.safe_load((ROOT / "docs/examples/conda/recipe.yaml").read_text())
CONTAINER = (ROOT / "docs/examples/container/Containerfile").read_text()
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
OPTIONAL = ["torch", "jax", "sklearn", "plots", "onnx", "native"]
FOLDERS = {"eigcore": ".", "eigcore-native": "backends/native"}


def project(name):
    return tomllib.loads((ROOT / FOLDERS[name] / "pyproject.toml").read_text())


def bounds(lines, names=()):
    """Name of each requirement -> its bounds, as conda writes them; no compilers, Python or pip."""
    parts = [re.fullmatch(r"([\w-]+) *(.*)", line) for line in lines if "{{" not in line]
    found = {dict(names).get(part[1], part[1]): part[2] for part in parts}
    return {name: bound for name, bound in found.items() if name not in ("python", "pip")}


@pytest.fixture(params=FOLDERS)
def output(request):
    [one] = [each for each in RECIPE["outputs"] if each["package"]["name"] == request.param]
    return one


def test_a_recipe_has_the_version_and_the_requirements_of_its_project(output):
    name = output["package"]["name"]
    pyproject = project(name)
    key = re.fullmatch(r"\$\{\{ (\w+) \}\}", output["package"]["version"])[1]
    assert RECIPE["context"][key] == pyproject["project"]["version"]
    runs = pyproject["project"]["dependencies"]
    if name == "eigcore":  # conda has no extras, and the command is in the package
        runs = runs + pyproject["project"]["optional-dependencies"]["cli"]
    needs = output["requirements"]
    assert bounds(needs["run"]) == bounds(runs)
    build = bounds(pyproject["build-system"]["requires"])
    assert build.items() <= bounds(needs["host"]).items()


def test_what_may_stand_beside_eigcore_has_the_bounds_of_its_extra():
    extras = project("eigcore")["project"]["optional-dependencies"]
    wanted = bounds([line for extra in OPTIONAL for line in extras[extra]], CONDA)
    [eigcore] = [each for each in RECIPE["outputs"] if each["package"]["name"] == "eigcore"]
    assert bounds(eigcore["requirements"]["run_constraints"]) == wanted


def test_the_recipe_has_the_command_and_the_oldest_python():
    own = project("eigcore")["project"]
    [eigcore] = [each for each in RECIPE["outputs"] if each["package"]["name"] == "eigcore"]
    [entry] = eigcore["build"]["python"]["entry_points"]
    assert entry.split(" = ") == ["eigcore", own["scripts"]["eigcore"]]
    assert own["requires-python"] == f">={RECIPE['context']['python_min']}"


def test_the_image_copies_what_exists_and_leaves_the_compiler_behind():
    build, final = CONTAINER.split("\nFROM ")[1:]
    copies = re.findall(r"^COPY (.*) \S+$", build, re.MULTILINE)
    copied = " ".join(copies).split()
    assert {"pyproject.toml", "eigcore", "backends"} <= set(copied)
    assert all((ROOT / path).exists() for path in copied)
    assert final.startswith("docker.io/library/python:${PYTHON}-slim\n")
    assert not re.search(r"apt|gcc|g\+\+|pip", final)
