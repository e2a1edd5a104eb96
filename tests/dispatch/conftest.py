"""Plugins as a stranger would install them: a module and a .dist-info on sys.path."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eigcore.dispatch import registry

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TREE = {"numpy", "torch", "jax", "strict"}


@pytest.fixture
def plugins():
    """The folder of the plugins, one to a folder."""
    return HERE / "plugins"


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
def page():
    """The text of docs/write-a-backend.md, and its blocks of code by language."""
    return Page((ROOT / "docs" / "write-a-backend.md").read_text())


class Page(str):
    def blocks(self, language):
        return re.findall(rf"```{language}\n(.*?)```", self, re.DOTALL)


@pytest.fixture
def mine(install, tmp_path, page):
    """Install the plugin that docs/write-a-backend.md describes, from the page itself."""
    [module] = [code for code in page.blocks("python") if "class MyBackend" in code]
    [project] = page.blocks("toml")
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


@pytest.fixture
def run():
    """Run Python from outside, with folders before everything else on its path."""

    def call(*arguments, path=(), **environment):
        folders = [*map(str, path), os.environ.get("PYTHONPATH", "")]
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders)), **environment},
            capture_output=True,
            text=True,
            cwd=path[0] if path else None,
            check=False,
        )

    return call
