"""`eigcore backends new`: a project whose check fails step by step, until it is filled in."""

import re
import sys

import pytest

import eigcore
from eigcore.cli import main
from eigcore.dispatch import registry
from eigcore.errors import BackendUnavailable
from eigcore.testing import checks
from eigcore.testing.preflight import preflight

# what the check says -> what the author then writes into the method, or in place of a text
STEPS = [
    ("has no array namespace xp", "xp = None", "xp = library"),
    (
        "Step 2",
        "asarray",
        """
        a = library.asarray(a)
        if like is not None and a.dtype.kind == "f":
            dtype = like.dtype
        return a if dtype is None else a.astype(dtype, copy=False)""",
    ),
    (
        "Step 3",
        "eigenpairs",
        """
        return window(self.solve("eigh", library.linalg.eigh, M), lo, hi)""",
    ),
    ("Step 4", "to_numpy", "\n        return library.asarray(a)"),
    ("Step 5", "gradient", None),
    ("Step 6", "with_vjp", None),
]


def method(text, name):
    """Match a method in the text of a module, with its body as a group."""
    return re.search(rf"    def {name}\(.*\n((?:    {{4}}.*\n)+)", text)


@pytest.fixture
def project(tmp_path, install):
    """The folder of a new project, as if it were installed."""
    assert main(["backends", "new", "mine", "--library", "numpy", "-o", str(tmp_path)]) == 0
    folder = tmp_path / "eigcore-mine"
    info = folder / "eigcore_mine-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eigcore-mine\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[eigcore]\nmine = eigcore_mine\n")
    install(folder)
    yield folder
    sys.modules.pop("eigcore_mine", None)


def told():
    """What the check of a new process would say first; empty if nothing is wrong."""
    registry._loaded.pop("mine", None)
    sys.modules.pop("eigcore_mine", None)
    try:
        return " ".join(preflight(eigcore.get_backend("mine")))
    except BackendUnavailable as error:
        return str(error)


def test_a_new_project_fails_step_by_step_until_it_is_filled_in(project, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = project / "eigcore_mine.py"
    for number, (said, place, written) in enumerate(STEPS):
        message = told()
        assert said in message
        assert "Expected" in message
        assert not [later for later, *_ in STEPS[number + 1 :] if later in message]
        text = file.read_text()
        if "=" in place:
            text = text.replace(place, written)
        elif written is not None:
            old = method(text, place)[1]
            text = text.replace(old, written.lstrip("\n") + "\n")
        elif place == "gradient":  # an author who has an idea, but no derivative
            text = text.replace(method(text, place)[1], "        return function(*arrays)\n")
        else:  # and gives it up
            for name in ("gradient", "with_vjp"):
                text = text.replace(method(text, name)[0], "")
            text = text.replace(", autodiff=True", "")
        file.write_text(text)
    assert told() == ""
    laws = [check for check in checks("mine") if not check.skip]
    assert len(laws) > 500
    for check in laws[:60:3]:
        check()


def test_the_files_of_a_project_belong_together(project):
    text = (project / "pyproject.toml").read_text()
    assert 'name = "eigcore-mine"' in text
    assert 'mine = "eigcore_mine"' in text
    assert 'dependencies = ["eigcore", "numpy"]' in text
    compile((project / "test_mine.py").read_text(), "test_mine.py", "exec")
    assert (project / ".github/workflows/test.yml").exists()
    for file in project.rglob("*"):
        assert file.is_dir() or "$" not in file.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["numpy"], "none of the installed ones"),
        (["my-lib"], "Expected a-z, 0-9 and _"),
        (["mine", "--library", "a b"], "Write --library mlx.core"),
        (["mine"], "exists already"),
    ],
)
def test_what_cannot_be_begun_is_refused(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eigcore-mine").mkdir()
    assert main(["backends", "new", *words]) == 1
    error = capfd.readouterr().err
    assert said in " ".join(error.split())
    assert not list((tmp_path / "eigcore-mine").iterdir())
