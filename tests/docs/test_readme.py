"""The code of the README and of the answers runs as it stands, and links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
ANSWERS = (ROOT / "docs" / "questions.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT + ANSWERS, re.DOTALL)


def test_the_answers_run():
    exec(compile(BLOCKS[1], "questions.md", "exec"), {})


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


def test_it_is_what_a_newcomer_needs():
    assert len(TEXT.splitlines()) < 100
    assert len(re.findall(r"!\[", TEXT)) == 1


def test_each_claim_has_a_command():
    rows = TEXT.split("## Claims")[1].split("|---|---|\n")[1].split("\n\n")[0].split("\n")
    assert len(rows) > 8
    assert not [
        row for row in rows if not re.search(r"\| `(make|python|EIGCORE\w+=\S+ python) ", row)
    ]


def test_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", TEXT):
        assert f"\n{target}:" in makefile
