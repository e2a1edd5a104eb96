"""The code of the README and of the answers runs as it stands, and links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
ANSWERS = (ROOT / "docs" / "questions.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT + ANSWERS, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS[1:], ids=["layers", "answers"])
def test_code_runs(code, tmp_path, monkeypatch):
    if "torch" in code:
        pytest.importorskip("torch", reason="this block of the README needs torch")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_thirty_seconds_proves_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(BLOCKS[0], "README.md", "exec"), names)
    area, age = names["model"].certify().columns
    assert area.increasing
    assert age.decreasing
    assert (tmp_path / "house.eig").exists()


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_link_leads_to_a_file(link):
    assert (ROOT / link).exists()


def test_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", TEXT):
        assert f"\n{target}:" in makefile
